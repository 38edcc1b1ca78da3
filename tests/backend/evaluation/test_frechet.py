# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch
from torch.nn import functional

from backend.evaluation.frechet import Gaussian, features, floor, frechet
from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig


def test_gaussians_of_one_shape_are_as_far_apart_as_their_means_and_deviations() -> None:
    """Commuting covariances have the closed form |m1 - m2|^2 + |sqrt(v1) - sqrt(v2)|^2."""
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))
    first, second = np.array([1.0, 4, 9, 0, 2]), np.array([4.0, 4, 1, 1, 0])
    a = Gaussian(np.zeros(5), turn @ np.diag(first) @ turn.T, 9)
    b = Gaussian(np.ones(5), turn @ np.diag(second) @ turn.T, 9)
    wanted = 5 + np.square(np.sqrt(first) - np.sqrt(second)).sum()
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-6) == frechet(b, a)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_a_fit_finds_what_was_drawn() -> None:
    random = np.random.default_rng(0)
    drawn = random.normal(2, 3, (20_000, 2))
    found = Gaussian.of(drawn)
    np.testing.assert_allclose(found.mean, [2, 2], atol=0.1)
    np.testing.assert_allclose(found.covariance, 9 * np.eye(2), atol=0.3)
    assert floor(drawn) < 0.01
    with pytest.raises(ValueError, match="at least two"):
        Gaussian.of(drawn[:1])


def test_worse_pictures_are_farther_away() -> None:
    torch.manual_seed(0)
    eye = PortraitEncoder(PortraitEncoderConfig.tiny()).eval()
    pictures = functional.interpolate(torch.rand(120, 3, 8, 8) * 2 - 1, (32, 32), mode="nearest")
    truth = Gaussian.of(features(eye, pictures))
    worn = [functional.avg_pool2d(pictures, 2 * k + 1, 1, k) for k in range(4)]
    distances = [frechet(Gaussian.of(features(eye, some)), truth) for some in worn]
    assert distances == sorted(distances) and distances[0] == pytest.approx(0, abs=1e-6) and distances[3] > 1e-4
    covered = torch.cat([pictures, torch.ones(120, 1, 32, 32)], 1)
    np.testing.assert_allclose(features(eye, covered), features(eye, pictures), atol=1e-6)
