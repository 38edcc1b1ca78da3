# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.adaptation.errors import AdaptationError
from backend.adaptation.prior import load_prior, noised


def test_noise_leaves_the_first_time_and_drowns_the_last() -> None:
    alphas = torch.tensor([1.0, 0.36, 0.0])
    latents, noise = torch.full((3, 1, 2, 2), 2.0), torch.full((3, 1, 2, 2), -1.0)
    found = noised(latents, torch.tensor([0, 1, 2]), noise, alphas)[:, 0, 0, 0]
    torch.testing.assert_close(found, torch.tensor([2.0, 0.6 * 2 - 0.8, -1.0]))


def test_unknown_priors_are_refused_by_name() -> None:
    with pytest.raises(AdaptationError, match="'dreams'") as refused:
        load_prior("dreams")
    assert "studio" in refused.value.hint
