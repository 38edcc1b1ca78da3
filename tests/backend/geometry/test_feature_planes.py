# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch
from torch import Tensor

from backend.geometry.feature_planes import EG3D_AXES, PANOHEAD_AXES, FeaturePlanes
from backend.geometry.triplane import Triplane

SIDE = 16


def ramps(side: int) -> Tensor:
    """Columns and rows of a plane over the box of half side 2."""
    at = ((torch.arange(side) + 0.5) / side * 2 - 1) * 2
    return torch.stack([at.expand(side, side), at[:, None].expand(side, side)])


@pytest.mark.parametrize("axes", [EG3D_AXES, PANOHEAD_AXES])
def test_planes_lie_along_their_axes(axes: tuple[tuple[int, int, int], ...]) -> None:
    planes = FeaturePlanes(ramps(SIDE).expand(1, 3, -1, -1, -1), axes, 2.0)  # type: ignore[arg-type]
    points = torch.rand(1, 50, 3) * 3 - 1.5
    found = planes.sample(points)
    for plane, (column, row, _) in enumerate(axes):
        assert torch.allclose(found[:, :, plane, 0], points[..., column], atol=1e-5)
        assert torch.allclose(found[:, :, plane, 1], points[..., row], atol=1e-5)


def test_grids_have_thickness_along_their_third_axis() -> None:
    depth = 5
    at = ((torch.arange(depth) + 0.5) / depth * 2 - 1) * 2
    grids = at[:, None, None].expand(1, 3, 1, depth, SIDE, SIDE)
    points = torch.rand(1, 50, 3) * 3 - 1.5
    found = FeaturePlanes(grids, PANOHEAD_AXES, 2.0).sample(points)
    for plane, (_, _, thick) in enumerate(PANOHEAD_AXES):
        assert torch.allclose(found[:, :, plane, 0], points[..., thick], atol=1e-5)


def test_beyond_the_border_features_fade_to_nothing() -> None:
    planes = FeaturePlanes(torch.ones(1, 3, 1, SIDE, SIDE), EG3D_AXES, 1.0)
    points = torch.tensor([[[0.0, 0.0, 0.0], [1.2, 1.2, 1.2]]])
    assert torch.allclose(planes.sample(points)[0, :, :, 0], torch.tensor([[1.0] * 3, [0.0] * 3]))


def test_within_the_border_our_own_planes_say_the_same() -> None:
    own = ((0, 1, 2), (0, 2, 1), (1, 2, 0))
    planes, points = torch.randn(1, 3, 4, SIDE, SIDE), torch.rand(1, 40, 3) * 1.8 - 0.9
    found = FeaturePlanes(planes, own, 1.0).sample(points).sum(2)
    assert torch.allclose(found, Triplane(planes).sample(points), atol=1e-5)


def test_gradients_reach_planes_and_points() -> None:
    planes = torch.randn(1, 3, 2, SIDE, SIDE, requires_grad=True)
    points = torch.rand(1, 5, 3).sub(0.5).requires_grad_()
    FeaturePlanes(planes, EG3D_AXES, 1.0).sample(points).square().sum().backward()
    assert planes.grad is not None and points.grad is not None and planes.grad.any() and points.grad.any()


def test_nothing_asked_is_nothing_said() -> None:
    planes = torch.zeros(2, 3, 5, 4, 4, requires_grad=True)
    assert FeaturePlanes(planes, EG3D_AXES, 1.0).sample(torch.zeros(2, 0, 3)).shape == (2, 0, 3, 5)
