# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.models.portrait_reader import PortraitReader, PortraitReaderConfig


def reader() -> PortraitReader:
    torch.manual_seed(0)
    return PortraitReader(PortraitReaderConfig.tiny()).eval()


def pictures(size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.rand(3, 4, size, size, generator=draw), torch.rand(3, 4, 2 * size, 2 * size, generator=draw)


def test_components_depend_on_the_picture_on_its_place_and_on_the_angles() -> None:
    network, (portrait, laid), angles = reader(), pictures(), torch.zeros(3, 2)
    whole, front = network(portrait, laid, angles)
    assert whole.shape == (3, 4) and whole.isfinite().all() and front.shape == (3, 16, 8, 8)
    for changed, _ in (
        network(portrait.flip(3), laid, angles),
        network(portrait, laid.flip(3), angles),
        network(portrait, laid, angles + 0.3),
    ):
        assert (changed - whole).abs().max() > 1e-4


def test_larger_pictures_are_read_at_the_readers_own_size() -> None:
    network, (portrait, laid), angles = reader(), pictures(), torch.zeros(3, 2)
    small = torch.nn.functional.adaptive_avg_pool2d(laid, 32)
    torch.testing.assert_close(network(portrait, laid, angles), network(portrait, small, angles))


def test_the_frontal_latent_is_nothing_until_it_is_learned() -> None:
    network, (portrait, laid), angles = reader(), pictures(), torch.zeros(3, 2)
    assert network(portrait, laid, angles)[1].eq(0).all()
    torch.nn.init.normal_(network.front[-1].weight)
    front = network(portrait, laid, angles)[1]
    assert (front - network(portrait, laid.flip(3), angles)[1]).abs().max() > 1e-3


def test_configurations_survive_json() -> None:
    config = PortraitReaderConfig(widths=(8, 16, 24), depth=1)
    assert PortraitReaderConfig.from_json({**config.to_json(), "widths": [8, 16, 24]}) == config
