# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch

from backend.geometry.cameras import orbit
from backend.geometry.fields import TriplaneField
from backend.geometry.march import Opacity, march, march_plain
from backend.geometry.occupancy import occupancy
from backend.geometry.triplane import Triplane
from backend.models.decoder import DecoderConfig, FieldDecoder


def wrinkled_ball(beta: bool = False, side: int = 32) -> TriplaneField:
    """Planes whose first channels sum to a ball's squared radius, roughened by noise, and a decoder that reads them."""
    torch.manual_seed(0)
    decoder = FieldDecoder(DecoderConfig(channels=8, hidden=16, beta=beta)).requires_grad_(False)
    line = (torch.arange(side) + 0.5) / side * 2 - 1
    planes = torch.randn(1, 3, 8, side, side) * 0.2
    planes[0, 0, 0] = line[None, :] ** 2 + line[:, None] ** 2 / 2  # x² + y²/2
    planes[0, 1, 0] = line[:, None] ** 2 / 2 + torch.zeros(side, side)  # z²/2
    planes[0, 2, 0] = line[None, :] ** 2 / 2 + line[:, None] ** 2 / 2  # y²/2 + z²/2
    with torch.no_grad():
        decoder.first.weight[0], decoder.first.bias[0] = torch.eye(8)[0], 0.0
        decoder.second.weight[0], decoder.second.bias[0] = torch.eye(16)[0], 0.0
        decoder.out.weight[0] = torch.cat([torch.tensor([8.0]), torch.randn(15) * 0.3])
        decoder.out.bias[0] = -3.0
        if beta:
            decoder.out.weight[4] = torch.randn(16) * 0.2
    return TriplaneField(Triplane(planes), decoder)


@pytest.mark.parametrize("opacity", ["logistic", "laplace"])
@pytest.mark.parametrize("beta", [False, True])
def test_compiled_march_is_the_plain_one(opacity: Opacity, beta: bool) -> None:
    field = wrinkled_ball(beta)
    grid, rays = occupancy(field), orbit(0.5, 0.2).rays(41, 23)
    fast = march(field, grid, rays.origins, rays.directions, 0.006, opacity)
    plain = march_plain(field, grid, rays.origins, rays.directions, 0.006, opacity)
    assert 0.1 < float((plain.passing == 0).float().mean()) < 0.9
    assert abs(fast.questions - plain.questions) < 0.01 * plain.questions
    for got, wanted in ((fast.rgb, plain.rgb), (fast.passing[:, None], plain.passing[:, None])):
        error = (got - wanted).abs().amax(-1)
        # Rounding may end a ray one question sooner, here and there.
        assert error.median() < 1e-5 and error.mean() < 2e-4 and (error > 0.01).float().mean() < 0.01
    seen = plain.passing < 0.5
    assert (fast.distance - plain.distance)[seen].abs().mean() < 1e-4


def test_few_questions_give_the_converged_picture() -> None:
    field, side, beta = wrinkled_ball(), 32, 0.008
    rays = orbit(0.5, 0.2).rays(side, side)
    found = march(field, occupancy(field), rays.origins, rays.directions, beta)
    near, far = rays.span(1.0)
    picture = torch.zeros(side**2, 3)
    for rows in torch.nonzero(far > near)[:, 0].split(64):
        t = near[rows, None] + (far - near)[rows, None] * torch.linspace(0, 1, 2500)
        values = field.values((rays.origins[rows, None] + t[..., None] * rays.directions[rows, None]).reshape(-1, 3))
        passing = torch.sigmoid(values.sdf.reshape(t.shape).cummin(1)[0] / beta)
        weight = torch.cat([torch.ones(len(rows), 1), passing], 1).diff(dim=1).neg()
        picture[rows] = (weight[..., None] * values.rgb.reshape(*t.shape, 3)).sum(1)
    error = (found.rgb - picture).abs().amax(-1)
    assert -10 * math.log10((found.rgb - picture).square().mean()) > 50
    assert error.median() < 1e-3 and error.quantile(0.99) < 0.02, "errors are few, and on outlines"
    assert found.questions < 16 * side**2


def test_the_order_of_rays_changes_nothing() -> None:
    field = wrinkled_ball()
    grid, rays = occupancy(field), orbit(0.5, 0.2).rays(30, 30)
    order = torch.randperm(900, generator=torch.Generator().manual_seed(0))
    first = march(field, grid, rays.origins, rays.directions, 0.006)
    second = march(field, grid, rays.origins, rays.directions, 0.006, order=order)
    assert torch.equal(first.rgb, second.rgb) and first.questions == second.questions


def test_threads_change_nothing() -> None:
    field, before = wrinkled_ball(), torch.get_num_threads()
    grid, rays = occupancy(field), orbit(0.5, 0.2).rays(40, 40)
    pictures = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            pictures.append(march(field, grid, rays.origins, rays.directions, 0.006).rgb)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*pictures)


def test_rays_that_miss_the_box_and_no_rays_at_all() -> None:
    field = wrinkled_ball()
    grid = occupancy(field)
    away = march(field, grid, torch.full((3, 3), 5.0), torch.tensor([[0.0, 1.0, 0.0]]).expand(3, 3), 0.006)
    assert (away.passing == 1).all() and (away.rgb == 0).all() and away.questions == 0
    assert march(field, grid, torch.zeros(0, 3), torch.zeros(0, 3), 0.006).rgb.shape == (0, 3)


def test_a_ray_that_is_no_number_ends() -> None:
    field = wrinkled_ball()
    start = torch.tensor([[0.0, 0.0, 4.0]]).expand(2, 3)
    heading = torch.tensor([[float("nan"), 0.0, -1.0], [0.0, 0.0, -1.0]])
    assert march(field, occupancy(field), start, heading, 0.006).passing[1] == 0
