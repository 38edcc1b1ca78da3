# SPDX-License-Identifier: GPL-3.0-or-later
import math

import pytest
import torch

from backend.geometry.cameras import orbit
from backend.geometry.fields import SoftField
from backend.geometry.march import Opacity, Rules, march, march_plain
from backend.geometry.occupancy import occupancy
from backend.geometry.sdf import laplace_density
from tests.analytic import BustField, SphereField

CAMERA = orbit(0.4, 0.2)


def reference(field: SoftField, opacity: Opacity, beta: float, side: int) -> torch.Tensor:
    """Light that passes, by 6,000 samples a ray."""
    rays = CAMERA.rays(side, side)
    near, far = rays.span(1.0)
    t = near[:, None] + (far - near).clamp_min(0)[:, None] * torch.linspace(0, 1, 6000)
    points = rays.origins[:, None] + t[..., None] * rays.directions[:, None]
    s = field.sdf(points.reshape(-1, 3)).reshape(t.shape)
    if opacity == "logistic":
        return torch.where(far > near, torch.sigmoid(s.amin(-1) / beta), 1.0)
    density = laplace_density(s, beta)
    return torch.exp(-((density[:, 1:] + density[:, :-1]) / 2 * t.diff(dim=-1)).sum(-1))


@pytest.mark.parametrize("opacity", ["logistic", "laplace"])
def test_passing_light_is_that_of_thousands_of_samples(opacity: Opacity) -> None:
    field, side = SoftField(BustField(), 0.006), 32
    rays = CAMERA.rays(side, side)
    found = march(field, occupancy(field), rays.origins, rays.directions, 0.006, opacity)
    error = found.passing - reference(field, opacity, 0.006, side)
    assert error.abs().max() < 0.04, "what is left of a nearly opaque ray is dropped"
    assert error.square().mean().sqrt() < 0.006
    assert found.questions < 16 * side**2


def test_finer_rules_come_closer() -> None:
    field, side = SphereField(0.6), 32
    rays = CAMERA.rays(side, side)
    truth = reference(SoftField(field, 0.01), "logistic", 0.01, side)
    fine = Rules(trust=0.5, fall=0.2, graze=0.1, opaque=1e-4)
    errors = [
        float((march_plain(field, occupancy(field), *pair, 0.01, "logistic", rules).passing - truth).abs().max())
        for rules in (Rules(), fine)
        for pair in [(rays.origins, rays.directions)]
    ]
    assert errors[1] < 1e-3 < 0.03 > errors[0]


def test_distance_is_where_the_surface_is() -> None:
    rays = orbit(0.0, target=(0.0, 0.0, 0.0)).rays(5, 5)
    found = march(SphereField(0.6), occupancy(SphereField(0.6)), rays.origins, rays.directions, 0.002)
    assert math.isclose(float(found.distance[12]), 4.4 - 0.6, abs_tol=2e-3)
    assert found.passing[12] == 0 and found.passing[0] == 1 and found.distance[0] == 0


def test_colour_is_that_of_the_place() -> None:
    rays = orbit(0.3, target=(0.0, 0.0, 0.0)).rays(9, 9)
    found = march(SphereField(0.6), occupancy(SphereField(0.6)), rays.origins, rays.directions, 0.002)
    hit = found.passing == 0
    points = rays.origins + found.distance[:, None] * rays.directions
    assert (found.rgb[hit] - (points[hit] * 0.5 + 0.5)).abs().max() < 2e-3


def test_no_rays_give_nothing() -> None:
    found = march(SphereField(), occupancy(SphereField()), torch.zeros(0, 3), torch.zeros(0, 3), 0.01)
    assert found.rgb.shape == (0, 3) and found.questions == 0
