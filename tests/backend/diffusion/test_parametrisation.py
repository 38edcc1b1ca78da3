# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.diffusion.denoiser import diffuse
from backend.diffusion.parametrisation import Prediction, as_network, clean, split_variance, wanted
from backend.diffusion.schedule import ScheduleConfig


@pytest.mark.parametrize("kind", ["x0", "eps", "v"])
def test_the_wanted_prediction_stands_for_the_data(kind: Prediction) -> None:
    x0, noise = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    x, sigma = diffuse(x0, torch.tensor([0.1, 0.5, 0.9]), noise, ScheduleConfig())
    said = wanted(x0, noise, sigma, kind)
    torch.testing.assert_close(clean(said, x, sigma, kind), x0, atol=1e-4, rtol=1e-4)
    with_variance = as_network(lambda x, sigma: torch.cat([said, torch.ones_like(said)], 1), kind)
    torch.testing.assert_close(with_variance(x, sigma), x0, atol=1e-4, rtol=1e-4)


def test_at_pure_noise_the_velocity_is_the_data_and_its_negative() -> None:
    x0, noise = torch.randn(2, 1, 2, 3, 3)
    torch.testing.assert_close(wanted(x0, noise, torch.ones(1), "v"), -x0)
    assert clean(noise, noise, torch.ones(1), "eps").isfinite().all()


def test_variances_are_shares_beside_the_prediction() -> None:
    said = torch.stack([torch.full((1, 2, 2), value) for value in (5.0, 6.0, -1.0, 1.0)], 1)
    prediction, share = split_variance(said, 2)
    assert prediction[0, :, 0, 0].tolist() == [5, 6] and share[0, :, 0, 0].tolist() == [0, 1]
    assert split_variance(prediction, 2)[1] is None
