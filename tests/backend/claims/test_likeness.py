# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.claims.likeness import feature_error, frechet, psnr, shipped_features, signature
from backend.models.embedding import JointEmbedding


def test_features_of_the_shipped_encoder_see_a_difference(shipped: JointEmbedding) -> None:
    features = shipped_features()
    pictures = torch.rand(3, 3, 16, 16)
    assert feature_error(features, pictures, pictures) == pytest.approx(0, abs=1e-6)
    near, far = (feature_error(features, pictures, pictures.lerp(torch.rand(3, 3, 16, 16), t)) for t in (0.1, 0.9))
    assert 0 < near < far
    assert len(signature(features, pictures)) == 3


def test_psnr_of_a_known_error() -> None:
    truth = torch.full((2, 3, 4, 4), 0.5)
    assert psnr(truth + 0.1, truth) == pytest.approx(20, abs=1e-4)


def test_frechet_distance_of_gaussians() -> None:
    random = torch.Generator().manual_seed(0)
    first = torch.randn(4000, 3, generator=random) * torch.tensor([1.0, 2.0, 4.0])
    assert frechet(first, first) == pytest.approx(0, abs=1e-8)
    # Scaled to the second crowd's deviations: a shift by one of them is 1, twice the spread is 1 for each direction.
    shifted = first + torch.tensor([1.0, 0, 0]) * first.std(0)
    assert frechet(shifted, first) == pytest.approx(1, abs=0.02)
    assert frechet(2 * first - first.mean(0), first) == pytest.approx(3, abs=0.02)


def test_more_components_than_people_are_not_used() -> None:
    first = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    assert frechet(first, first) == pytest.approx(0, abs=1e-6)
