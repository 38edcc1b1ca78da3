# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys
from dataclasses import replace

import numpy as np
import torch

from backend.geometry.cameras import orbit
from backend.refinement.prior import View
from backend.refinement.shaded import as_seen, shaded
from backend.studio.shading import DISTANCE

RADIUS = 0.5


def ball(azimuth: float, side: int = 48) -> View:
    """A grey ball around what cameras look at, by exact ray casting."""
    camera = orbit(azimuth, 0.1)
    rays = camera.rays(side, side)
    centre = torch.tensor([0.0, -0.05, 0.0])
    away = rays.origins - centre
    along = (away * rays.directions).sum(-1)
    root = along.square() - away.square().sum(-1) + RADIUS**2
    hit = root > 0
    distance = torch.where(hit, -along - root.clamp(min=0).sqrt(), 0)
    normal = (away + distance[:, None] * rays.directions) / RADIUS
    frame = camera.cam_to_world[:3, :3] * torch.tensor([1.0, -1, -1])
    shown = hit.reshape(side, side).numpy()
    depth = torch.where(hit, distance * (rays.directions @ camera.cam_to_world[:3, 2]), torch.inf)
    return View(
        image=np.where(shown[..., None], 128, 255).astype(np.uint8).repeat(3, 2), shown=shown,
        normal=(torch.where(hit[:, None], normal, 0) @ frame).reshape(side, side, 3).numpy(),
        depth=depth.reshape(side, side).float().numpy(), generate=np.zeros(shown.shape, np.float32),
        keep=np.zeros(shown.shape, np.float32), azimuth=azimuth, elevation=0.1,
    )  # fmt: skip


def test_places_and_normals_are_the_worlds() -> None:
    for azimuth in (0.0, 1.2):
        found = as_seen(ball(azimuth))
        shown = found.coverage[0] > 0.5
        away = found.place - torch.tensor([0.0, -0.05, 0.0])[:, None, None]
        assert torch.allclose(away[:, shown] / RADIUS, found.normal[:, shown], atol=2e-3)
        assert abs(float(found.place[:, shown].norm(dim=0).max()) - RADIUS) < 0.1 < DISTANCE


def test_views_of_one_place_agree() -> None:
    """Marble from two sides: where both see a place, they see the same vein."""
    views = [ball(azimuth) for azimuth in (0.0, 0.5)]
    pictures = [shaded(view, "a marble statue") for view in views]
    seen = [as_seen(view) for view in views]
    places = [each.place.permute(1, 2, 0).numpy()[view.shown] for each, view in zip(seen, views, strict=True)]
    colours = [picture[view.shown] for picture, view in zip(pictures, views, strict=True) if picture is not None]
    facing = seen[0].facing.numpy()[views[0].shown]
    apart = np.linalg.norm(places[0][:, None] - places[1][None], axis=2)
    near = apart.argmin(1)
    same = (apart.min(1) < 0.015) & (facing > 0.6)
    error = np.abs(colours[0] - colours[1][near])[same].mean()
    shuffled = np.abs(colours[0] - colours[1][np.random.default_rng(0).permutation(near)])[same].mean()
    assert same.sum() > 100 and error < 0.5 * shuffled


def test_sentences_without_a_look_and_views_of_nothing_have_no_guess() -> None:
    view = ball(0.0)
    assert shaded(view, "an old man") is None
    assert shaded(replace(view, shown=np.zeros_like(view.shown)), "a marble statue") is None


def test_refining_needs_nothing_that_only_training_has() -> None:
    missing = "import sys; sys.modules.update(embreex=None, igl=None, trimesh=None); "
    told = subprocess.run(
        [sys.executable, "-c", missing + "import backend.refinement.diffuse_local, backend.adaptation.studio_prior"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
