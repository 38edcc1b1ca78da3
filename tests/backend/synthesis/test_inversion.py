# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch
from torch.nn import functional

from backend.geometry import TRUNCATION
from backend.geometry.alignment import MEAN_FACE, aligned_camera
from backend.geometry.crossing import find_surface
from backend.geometry.fields import TriplaneField
from backend.geometry.rendering import render
from backend.geometry.triplane import Triplane
from backend.models.decoder import DecoderConfig, FieldDecoder
from backend.synthesis.base import Progress
from backend.synthesis.inversion import SLOWEST, InversionConfig, channel_speeds, invert
from backend.synthesis.light import plain_light

SMALL = InversionConfig(side=64, points=500, outline=100, rate=0.05)


def ball(radius: float = 0.55, grey: float = 0.5, side: int = 32, centre: float = 0.2) -> TriplaneField:
    """A ball of one colour whose distance is a polynomial in the coordinates, so that planes and decoder are exact."""
    axis = (torch.arange(side) + 0.5) / side * 2 - 1
    row, column = torch.meshgrid(axis, axis, indexing="ij")
    planes = torch.zeros(1, 3, 16, side, side)
    planes[0, 0, 0] = column**2 + (row - centre) ** 2
    planes[0, 1, 0] = row**2
    planes[0, 0, 1:4] = np.log(grey / (1 - grey))
    decoder = FieldDecoder(DecoderConfig(hidden=16))
    with torch.no_grad():
        for layer in decoder.layers():
            layer.weight.zero_()
            layer.bias.zero_()
        decoder.first.weight[:, :16] = torch.eye(16)
        decoder.first.bias[1:4] = 5  # ReLU passes what is above 0
        decoder.second.weight.copy_(torch.eye(16))
        decoder.out.weight[0, 0] = 1 / (2 * radius * TRUNCATION)
        decoder.out.bias[0] = -radius / (2 * TRUNCATION)
        decoder.out.weight[1:4, 1:4] = torch.eye(3)
        decoder.out.bias[1:4] = -5
    return TriplaneField(Triplane(planes), decoder.requires_grad_(False))


def photograph(field: TriplaneField, colour: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The field in another colour under the expected light, with darker stripes, as an aligned portrait."""
    view = render(field, aligned_camera(MEAN_FACE), 256, 256, background=0.0)
    albedo = torch.tensor(colour).expand(256, 256, 3).clone()
    albedo[:, torch.arange(256) % 80 < 40] *= 0.7
    picture = albedo * plain_light().shading(view.normal) * view.alpha[..., None]
    return (picture.clamp(0, 1) * 255).byte().numpy(), view.alpha.numpy()


def run(field: TriplaneField, portrait: np.ndarray, matte: np.ndarray, steps: int = 40) -> TriplaneField:
    sampling = invert(field, portrait, matte, (0.0, 0.0), steps, SMALL)
    told: list[Progress] = []
    while True:
        try:
            told.append(next(sampling))
        except StopIteration as done:
            assert [round(progress.fraction * steps) for progress in told] == list(range(1, len(told) + 1))
            return done.value


def test_colour_comes_from_the_portrait_and_light_does_not_bake_in() -> None:
    field = ball()
    inverted = run(field, *photograph(field, (0.6, 0.5, 0.4)))
    shown = torch.tensor([[(140.0 + 40 * k) / 256, 0.5] for k in range(-2, 3)])
    camera, colour = aligned_camera(MEAN_FACE), torch.tensor([0.6, 0.5, 0.4])
    local = torch.cat([shown, torch.ones(5, 1)], 1) @ torch.linalg.inv(camera.intrinsics).t()
    directions = functional.normalize(local @ camera.cam_to_world[:3, :3].t(), dim=1)
    origins = camera.cam_to_world[:3, 3].expand(5, 3)
    distance, _, _ = find_surface(field, origins, directions)
    found = inverted.rgb(origins + distance[:, None] * directions)
    share = torch.tensor([0.7 if int(x * 256) % 80 < 40 else 1.0 for x in shown[:, 0]])
    assert (found - share[:, None] * colour).abs().mean() < 0.06
    up, down = inverted.rgb(torch.tensor([[0.0, 0.6, 0.38], [0.0, -0.1, 0.46]]))
    assert (up - down).abs().max() < 0.1  # the lamp is above
    back = inverted.rgb(torch.tensor([[0.2, 0.2, -0.51]]))[0]
    assert back[0] > back[2] + 0.05  # the back follows


def test_the_surface_stays_but_for_the_outline() -> None:
    field = ball()
    portrait, matte = photograph(field, (0.5, 0.5, 0.5))
    wider = functional.max_pool2d(torch.from_numpy(matte)[None, None], 15, 1, 7)[0, 0].numpy()
    matte = np.where(np.arange(256) > 128, wider, matte)  # more of the person on the right, as no camera explains
    inverted = run(field, portrait, matte)
    angle = torch.linspace(-0.6, 0.6, 9)
    rim = torch.stack([0.57 * angle.cos(), 0.2 + 0.57 * angle.sin(), torch.zeros(9)], 1)
    assert inverted.sdf(rim).mean() < field.sdf(rim).mean() - 0.002
    points = torch.tensor([[0.0, 0.2, 0.55], [0.0, 0.2, -0.55], [0.0, 0.75, 0.0]])
    assert inverted.sdf(points).abs().max() < 0.03


def test_the_start_is_left_alone_and_an_empty_matte_changes_nothing() -> None:
    field = ball()
    before = field.triplane.planes.clone()
    portrait, matte = photograph(field, (0.7, 0.4, 0.4))
    assert run(field, portrait, np.zeros_like(matte)) is field
    inverted = run(field, portrait, matte, steps=3)
    assert torch.equal(field.triplane.planes, before) and not torch.equal(inverted.triplane.planes, before)


def test_the_same_seed_gives_the_same_avatar() -> None:
    field = ball()
    portrait, matte = photograph(field, (0.7, 0.4, 0.4))
    first, second = (run(field, portrait, matte, steps=5).triplane.planes for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("side", [16, 128])
def test_planes_of_any_size(side: int) -> None:
    field = ball(side=side)
    assert run(field, *photograph(field, (0.6, 0.5, 0.4)), steps=3).triplane.planes.shape[-1] == side


def test_channels_that_move_the_surface_are_slow() -> None:
    random = torch.Generator().manual_seed(0)
    points = functional.normalize(torch.randn(300, 3, generator=random), dim=1) * 0.55 + torch.tensor([0.0, 0.2, 0.0])
    speeds = channel_speeds(ball(), points)
    assert speeds[0] == SLOWEST and (speeds[4:] == SLOWEST).all()
    torch.testing.assert_close(speeds[1:4], torch.ones(3), atol=0.05, rtol=0)
