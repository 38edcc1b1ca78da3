# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.studio.shading import KEY, creases, diffuse, gloss, linear, metallic, outlines, srgb

from .looks_view import RADIUS, ball


def test_places_are_found_again_from_depth_alone() -> None:
    for azimuth in (0.0, 1.1):
        view = ball(azimuth=azimuth)
        shown = view.coverage[0] > 0.5
        assert torch.allclose(view.place.norm(dim=0)[shown], torch.tensor(RADIUS), atol=1e-4)
        assert torch.allclose(view.place[:, shown] / RADIUS, view.normal[:, shown], atol=1e-3)
        assert float(view.place[:, ~shown].abs().max()) == 0


def test_facing_is_greatest_in_the_middle_and_none_at_the_border() -> None:
    view = ball(64)
    assert float(view.facing[32, 32]) > 0.99
    shown = view.coverage[0] > 0.5
    assert float(view.facing[shown].min()) < 0.3


@pytest.mark.parametrize("light", [diffuse, metallic])
def test_light_comes_from_above_and_stays_where_it_is(light) -> None:
    front, side = ball(48), ball(48, azimuth=0.8)
    shade = light(front)
    column = shade[:, 24][front.coverage[0, :, 24] > 0.5]
    assert float(column[: len(column) // 3].mean()) > float(column[-len(column) // 3 :].mean())

    def at(view, place: torch.Tensor) -> float:
        nearest = (view.place - place[:, None, None]).norm(dim=0) + 9 * (view.coverage[0] < 0.5)
        return float(light(view).flatten()[int(nearest.argmin())])

    for place in torch.tensor([[0.25, 0.2, 0.5], [0.35, -0.2, 0.45]]):
        both = place / place.norm() * RADIUS
        assert abs(at(front, both) - at(side, both)) < 0.12


def test_highlights_lie_where_the_surface_looks_at_the_light() -> None:
    view = ball(64)
    shine = gloss(view, KEY, 40)
    brightest = view.normal.flatten(1)[:, int(shine.argmax())]
    key = torch.tensor(KEY) / torch.tensor(KEY).norm()
    assert float(brightest @ key) > 0.98


def test_a_groove_is_a_crease_and_a_ridge_is_none() -> None:
    view = ball(48)
    grooved = view.depth.clone()
    grooved[:, 23:25] += 0.05 * (view.coverage[0, :, 23:25] > 0.5)
    sunk = type(view)(view.colour, view.coverage, view.normal, view.place, view.facing, grooved, view.part)
    assert float(creases(sunk)[20:28, 23].mean()) > 0.2 + float(creases(view)[20:28, 23].mean())


def test_outlines_follow_the_border_and_the_parts() -> None:
    view = ball(48)
    lines = outlines(view)
    assert float(lines[24, 24:30].min()) < 0.1
    shown = view.coverage[0, 24] > 0.5
    assert float(lines[24][shown][:2].max()) > 0.5


def test_srgb_undoes_linear() -> None:
    colours = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.98 + 0.01
    assert torch.allclose(srgb(linear(colours)), colours, atol=1e-4)
