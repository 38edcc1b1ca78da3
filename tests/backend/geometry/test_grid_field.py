# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.geometry.fields import Field
from backend.geometry.grid_field import GridField


def test_linear_distances_are_exact_and_axes_are_not_mixed() -> None:
    axis = torch.linspace(-1, 1, 9)
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    field = GridField(0.1 * x + 0.03 * y - 0.02 * z, lambda points: points + 0.5)
    points = torch.rand(100, 3) * 2 - 1
    assert torch.allclose(field.sdf(points), points @ torch.tensor([0.1, 0.03, -0.02]), atol=1e-6)
    assert torch.allclose(field.rgb(points), (points + 0.5).clamp(0, 1))
    assert field.rgb(points[:0]).shape == (0, 3) and field.sdf(points[:0]).shape == (0,)
    assert isinstance(field, Field)


def test_beyond_the_box_the_border_holds() -> None:
    field = GridField(torch.full((3, 3, 3), 0.07), lambda points: points)
    assert torch.allclose(field.sdf(torch.tensor([[5.0, 0.0, -9.0]])), torch.tensor([0.07]))
