# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.geometry.triplane import Triplane, roll, unroll


def ramp_planes(side: int = 8) -> torch.Tensor:
    """Planes whose two channels hold the column and the row coordinate of their texels."""
    line = (torch.arange(side) + 0.5) / side * 2 - 1
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([columns, rows])[None, None].expand(1, 3, -1, -1, -1)


def test_sample_reads_axes_as_documented() -> None:
    points = torch.rand(1, 50, 3, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    features = Triplane(ramp_planes()).sample(points)
    x, y, z = points.unbind(-1)
    torch.testing.assert_close(features[..., 0], x + x + y)  # columns of xy, xz, yz
    torch.testing.assert_close(features[..., 1], y + z + z)  # rows


def test_roll_round_trip() -> None:
    planes = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    assert torch.equal(unroll(roll(planes)), planes)
    assert roll(planes).shape == (2, 4, 5, 15)


def test_rolled_planes_are_refused() -> None:
    with pytest.raises((ValueError, TypeError)):  # the shape checker of the tests may speak first
        Triplane(torch.zeros(2, 3, 4, 5, 15))
