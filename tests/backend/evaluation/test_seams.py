# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.evaluation.seams import best_view, chart_seams, seam_places, sharpness, view_seams, views_disagree
from backend.geometry.cameras import orbit
from backend.texture.differentiable import Texels, texture_view
from backend.texture.fill import fill
from backend.texture.maps import TextureSet
from backend.texture.raster import raster_uv
from tests.backend.texture.ball import ball


def painted_by_place(rule) -> TextureSet:
    """The ball's texture with colours that are a function of the place."""
    mesh, textures = ball()
    raster = raster_uv(mesh, 256)
    points = raster.interpolate(mesh.faces, mesh.vertices)
    albedo = np.zeros_like(textures.albedo)
    albedo[raster.face >= 0] = np.asarray(rule(points))[:, None].astype(np.uint8)
    return replace(textures, albedo=fill(albedo, raster.face >= 0))


def test_seams_join_places_that_are_apart_in_the_texture_and_one_on_the_ball() -> None:
    mesh, _ = ball()
    first, second = seam_places(mesh)
    assert len(first) > 20 and np.abs(first - second).max(1).min() > 1e-5
    assert ((first >= 0) & (first <= 1)).all()


def test_colours_of_the_place_have_no_seams_and_charts_of_their_own_colour_do() -> None:
    mesh, textures = ball()
    smooth = chart_seams(mesh, textures)
    _, chart = cv2.connectedComponents(textures.coverage.astype(np.uint8))
    colours = np.random.default_rng(0).integers(0, 255, (chart.max() + 1, 3)).astype(np.uint8)
    patched = chart_seams(mesh, replace(textures, albedo=colours[chart]))
    assert smooth < 4 and patched > 20


def test_a_step_where_the_best_view_changes_is_seen() -> None:
    mesh, _ = ball()
    cameras = [orbit(0.0), orbit(np.pi)]
    even = painted_by_place(lambda points: np.full(len(points), 100))
    step = painted_by_place(lambda points: np.where(points[:, 2] > 0, 140, 100))
    beside = painted_by_place(lambda points: np.where(points[:, 0] > 0, 140, 100))
    assert abs(view_seams(mesh, even, cameras)) < 1e-6
    assert view_seams(mesh, step, cameras) > 3 > view_seams(mesh, beside, cameras)


def test_the_best_view_is_the_one_in_front() -> None:
    mesh, _ = ball()
    best = best_view(mesh, [orbit(0.0), orbit(np.pi)])
    assert (best[mesh.vertices[:, 2] > 0.1] == 0).all() and (best[mesh.vertices[:, 2] < -0.1] == 1).all()


def test_pictures_of_one_texture_agree_and_a_shift_of_tone_is_measured() -> None:
    mesh, textures = ball()
    texels = Texels.of(textures.coverage)
    looks = [texture_view(mesh, orbit(angle), 96, texels) for angle in (0.0, 0.5)]
    rows = textures.albedo[textures.coverage].astype(np.float32)
    pictures = [look.render(rows).astype(np.uint8) for look in looks]
    weights = [np.ones((96, 96), np.float32)] * 2
    assert views_disagree(looks, weights, pictures) < 3
    lighter = [pictures[0], np.clip(pictures[1].astype(int) + 20, 0, 255).astype(np.uint8)]
    assert views_disagree(looks, weights, lighter) == pytest.approx(20, abs=3)


def test_blurring_takes_sharpness_away() -> None:
    mesh, textures = ball()
    noise = np.random.default_rng(0).integers(60, 200, textures.albedo.shape).astype(np.uint8)
    sharp = replace(textures, albedo=noise)
    soft = replace(textures, albedo=cv2.GaussianBlur(noise, (0, 0), 2))
    assert sharpness(mesh, sharp) > 2 * sharpness(mesh, soft)
