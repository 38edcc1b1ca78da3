# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.adaptation.distillation import Words
from backend.adaptation.locality import Response, blurred, reconstruction_loss, response_map, sided
from tests.backend.adaptation.worlds import Ideal


def test_the_response_finds_the_region_that_the_word_speaks_of() -> None:
    region = torch.zeros(16, 16)
    region[:8] = 1
    prior = Ideal(side=16, region=region)
    pictures = torch.zeros(2, 3, 32, 32)
    found = response_map(prior, pictures, Words.of(prior, "green"), Response(), torch.Generator().manual_seed(0))
    assert found.shape == (2, 1, 32, 32)
    assert found[:, :, :13].min() > 0.9 and found[:, :, 19:].max() < 0.1


def test_only_what_is_outside_the_response_must_stay() -> None:
    response = torch.zeros(1, 1, 4, 4)
    response[..., :2, :] = 1
    before, now = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    now[..., :2, :] = 5
    assert float(reconstruction_loss(now, before, response)) == 0
    now[..., 2:, :] = 1
    assert float(reconstruction_loss(now, before, response)) == 0.5


def test_blurring_keeps_the_mean_and_constants() -> None:
    maps = torch.zeros(1, 1, 33, 33)
    maps[..., 16, 16] = 1
    smooth = blurred(maps, 2.0)
    torch.testing.assert_close(smooth.sum(), torch.tensor(1.0))
    row = smooth[0, 0].sum(0)
    variance = (row * (torch.arange(33) - 16).square()).sum()
    assert abs(float(variance) - 4) < 0.2
    torch.testing.assert_close(blurred(torch.full((1, 2, 9, 9), 3.0), 1.5), torch.full((1, 2, 9, 9), 3.0))


def test_pictures_of_the_priors_side_are_left_alone() -> None:
    pictures = torch.rand(1, 3, 8, 8, requires_grad=True)
    assert sided(pictures, 8) is pictures
    assert sided(pictures, 16).shape == (1, 3, 16, 16) and sided(pictures, 16).requires_grad
