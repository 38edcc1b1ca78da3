# SPDX-License-Identifier: GPL-3.0-or-later
import math

import numpy as np

from backend.geometry.cameras import orbit
from backend.refinement.canvas import Canvas
from backend.refinement.trimap import Trimap, anchored, trimap
from backend.texture.differentiable import texture_view
from backend.texture.fitting import information
from backend.texture.raster import raster_uv
from tests.backend.texture.ball import ball

SIDE = 96


def plan(canvas: Canvas, azimuth: float) -> Trimap:
    mesh, _ = ball()
    camera = orbit(azimuth)
    look = texture_view(mesh, camera, SIDE, canvas.texels)
    found = trimap(mesh, mesh.normals(), camera, look, canvas, (azimuth, 0.0))
    cosine, seen = information(look, found.facing)
    canvas.best = np.where(seen, np.maximum(canvas.best, cosine), canvas.best)
    return found


def blank() -> Canvas:
    mesh, textures = ball()
    return Canvas(mesh, textures, 256)


def test_first_everything_is_updated_then_the_better_seen_half_is_kept() -> None:
    canvas = blank()
    first, second = plan(canvas, 0.0), plan(canvas, math.pi / 2)
    assert first.view.keep[first.view.shown].max() < 1e-5 and first.view.generate.max() < 1e-5
    # From the right, what the front camera saw better is on the picture's left.
    middle = second.view.keep[SIDE // 2]
    columns = np.flatnonzero(second.view.shown[SIDE // 2])
    part = len(columns) // 7
    assert middle[columns[2:part]].min() > 0.75 and middle[columns[-part:-2]].max() < 0.05
    assert not second.weight[SIDE // 2, columns[2:part]].max() > 0.05


def test_masks_are_soft() -> None:
    canvas = blank()
    plan(canvas, 0.0)
    keep = plan(canvas, math.pi / 2).view.keep
    line = keep[SIDE // 2, 22:66]
    assert np.abs(np.diff(line)).max() < 0.35 and ((line > 0.05) & (line < 0.95)).sum() >= 3


def test_the_same_view_again_is_kept_whole() -> None:
    canvas = blank()
    plan(canvas, 0.3)
    again = plan(canvas, 0.3)
    inner = again.facing > 0.4
    assert again.view.keep[inner].min() > 0.95 and again.weight.max() < 0.05


def test_what_has_no_colour_is_generated() -> None:
    mesh, textures = ball()
    raster = raster_uv(mesh, 256)
    known = np.ones((256, 256), bool)
    known[raster.face >= 0] = raster.interpolate(mesh.faces, mesh.vertices)[:, 1] < 0
    canvas = Canvas(mesh, textures, 256, known=known)
    view = plan(canvas, 0.0).view
    assert view.generate[30:40, 48].min() > 0.999 and view.generate[56:66, 48].max() < 0.01
    assert not view.generate[~view.shown].any()


def test_what_may_not_be_painted_is_kept() -> None:
    mesh, textures = ball()
    canvas = Canvas(mesh, textures, 256, paintable=np.zeros((256, 256), np.float32))
    found = plan(canvas, 0.0)
    assert (found.view.keep == 1).all() and not found.weight.any()


def test_normals_and_depth_are_the_balls() -> None:
    view = plan(blank(), 0.5).view
    middle = SIDE // 2
    assert view.normal[middle, middle, 2] > 0.98
    left, right = np.flatnonzero(view.shown[middle])[[3, -4]]
    assert view.normal[middle, left, 0] < -0.6 and view.normal[middle, right, 0] > 0.6
    top = np.flatnonzero(view.shown[:, middle])[3]
    assert view.normal[top, middle, 1] > 0.6
    assert view.depth[middle, middle] == min(view.depth[view.shown]) or abs(
        view.depth[middle, middle] - view.depth[view.shown].min()
    ) < 0.02  # fmt: skip
    assert np.isinf(view.depth[~view.shown]).all()
    assert (view.image[0, 0] == 255).all()


def test_weight_falls_towards_the_outline() -> None:
    found = plan(blank(), 0.0)
    row = found.weight[SIDE // 2]
    columns = np.flatnonzero(found.view.shown[SIDE // 2])
    assert row[SIDE // 2] > 0.9 and row[columns[[0, -1]]].max() < 0.05


def test_a_shift_of_tone_is_taken_out_next_to_what_is_kept() -> None:
    canvas = blank()
    plan(canvas, 0.0)
    found = plan(canvas, math.pi / 2)
    darker = found.view.image.astype(np.float32) / 255 - 0.1
    back = anchored(darker, found)
    border = (found.view.keep > 0.3) & (found.view.keep < 0.7) & found.view.shown
    error = np.abs(back - found.view.image / 255)[border].mean()
    assert border.sum() > 20 and error < 0.03
