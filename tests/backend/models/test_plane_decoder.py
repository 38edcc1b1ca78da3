# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.geometry.triplane import unroll
from backend.models.plane_decoder import NOWHERE, SEEN_CHANNELS, PlaneDecoder, PlaneDecoderConfig, fold, unfold

TINY = PlaneDecoderConfig.tiny()


def some_views(batch: int = 1) -> torch.Tensor:
    views = torch.rand(batch, 3, 10, TINY.view_size, TINY.view_size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    views[:, :, 3] = views[:, :, 7] = 1.0
    return views


def test_a_point_knows_what_six_views_see_there_and_where_it_is() -> None:
    decoder, views = PlaneDecoder(TINY), some_views()
    triplane = decoder.as_triplane(decoder.seen(views))
    cell, side = (20, 33, 50), TINY.view_size
    x, y, z = ((index + 0.5) / side * 2 - 1 for index in cell)
    features = triplane.sample(torch.tensor([[[x, y, z]]]))[0, 0]
    ix, iy, iz = cell
    seen = [views[0, 0, :, iy, ix], views[0, 1, :, iz, ix], views[0, 2, :, iz, iy]]
    for index, values in enumerate(seen):
        torch.testing.assert_close(features[6 * index : 6 * index + 3], values[:3])
        torch.testing.assert_close(features[6 * index + 3 : 6 * index + 6], values[4:7])
        torch.testing.assert_close(features[18 + 2 * index : 20 + 2 * index], values[8:])
    torch.testing.assert_close(features[24:27], torch.tensor([x, y, z]))
    assert features[SEEN_CHANNELS:].eq(0).all()


def test_what_is_not_covered_lies_far_behind_on_both_sides() -> None:
    decoder, views = PlaneDecoder(TINY), some_views()
    views[:, 0, 3], views[:, 0, 7] = -1.0, -1.0
    front, back = unroll(decoder.seen(views))[0, 0, 18:20]
    assert front.eq(-NOWHERE).all() and back.eq(NOWHERE).all()


def test_at_first_planes_hold_the_views_then_every_weight_learns() -> None:
    decoder, views = PlaneDecoder(TINY), some_views(2)
    torch.testing.assert_close(decoder(views), decoder.seen(views))
    optimiser = torch.optim.Adam(decoder.parameters(), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        (decoder(views) - 1).square().mean().backward()
        optimiser.step()
    assert not [name for name, value in decoder.named_parameters() if value.grad is None or not value.grad.any()]


def test_folding_is_undone() -> None:
    image = torch.rand(2, 3, 8, 24)
    assert fold(image, 4).shape == (2, 48, 2, 6)
    torch.testing.assert_close(unfold(fold(image, 4), 4), image)
