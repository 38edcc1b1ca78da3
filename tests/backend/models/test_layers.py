# SPDX-License-Identifier: GPL-3.0-or-later
import torch
from torch.nn import functional

from backend.models.layers import PlaneConv, ResBlock


def test_cross_plane_terms_equal_convolving_the_broadcast_averages() -> None:
    """The factored form against the published one, away from the zero border."""
    torch.manual_seed(0)
    layer, image = PlaneConv(2, 3), torch.randn(1, 2, 6, 18)
    xy, xz, yz = image.chunk(3, -1)
    columns = (xz.mean(2), xy.mean(2), xy.mean(3))
    rows = (yz.mean(2), yz.mean(3), xz.mean(3))
    out = layer(image).chunk(3, -1)
    for k, plane in enumerate((xy, xz, yz)):
        # A kernel on a picture that is constant along one axis acts by its sum over that axis: put the 1D kernel
        # into the middle row (column) of a 3x3 one.
        across, down = torch.zeros(3, 2, 3, 3), torch.zeros(3, 2, 3, 3)
        across[:, :, 1], down[:, :, :, 1] = layer.along_columns[k].weight, layer.along_rows[k].weight
        kernel = torch.cat([layer.own[k].weight, across, down], 1)
        joined = torch.cat([plane, columns[k][:, :, None].expand_as(plane), rows[k][..., None].expand_as(plane)], 1)
        published = functional.conv2d(joined, kernel, layer.own[k].bias, padding=1)
        torch.testing.assert_close(out[k], published, atol=1e-5, rtol=1e-4)


def test_a_plane_hears_of_the_others() -> None:
    torch.manual_seed(0)
    layer, image = PlaneConv(2, 2), torch.zeros(1, 2, 8, 24)
    changed = image.clone()
    changed[..., 3] = 1  # a column of xy: one x
    difference = (layer(changed) - layer(image)).abs().sum((0, 1, 2))
    assert difference[8:16][[2, 3, 4]].min() > 0 and difference[8:16][[0, 6]].max() == 0  # xz: only near that x
    assert difference[16:].min() > 0  # yz: every y, through the mean over x


def test_a_block_starts_as_its_skip() -> None:
    torch.manual_seed(0)
    image = torch.randn(2, 8, 4, 12)
    assert torch.equal(ResBlock(8, 8, embedding=4)(image, torch.randn(2, 4)), image)
