# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np

from backend.refinement.canvas import ORIGINAL, Canvas
from tests.backend.texture.ball import ball


def test_an_untouched_canvas_is_the_texture_byte_for_byte() -> None:
    mesh, textures = ball()
    for side in (256, 128):
        same = Canvas(mesh, textures, side).textures(5)
        assert np.array_equal(same.albedo[same.coverage], textures.albedo[textures.coverage])
        assert same.level == 5


def test_detail_of_a_larger_texture_survives_a_change_of_tone() -> None:
    mesh, textures = ball()
    checks = ((np.indices((256, 256)).sum(0) % 2) * 100 + 50).astype(np.uint8)[..., None].repeat(3, 2)
    canvas = Canvas(mesh, replace(textures, albedo=checks), 64)
    canvas.rows = canvas.rows + np.float32(0.1)
    moved = canvas.textures(1).albedo[textures.coverage].astype(int) - checks[textures.coverage]
    assert np.abs(moved - 25.5).max() <= 1


def test_masks_are_read_at_the_canvas_own_side() -> None:
    mesh, textures = ball()
    half = np.zeros((256, 256), np.float32)
    half[:, 128:] = 1
    canvas = Canvas(mesh, textures, 64, half, known=half < 0.5)
    right = np.nonzero(canvas.texels.coverage)[1] >= 32
    assert np.array_equal(canvas.free > 0.5, right) and np.array_equal(canvas.known, ~right)
    assert set(np.unique(canvas.weight)) == {np.float32(0), np.float32(ORIGINAL)}


def test_a_photograph_is_known_as_well_as_anything() -> None:
    mesh, textures = ball()
    laid = np.zeros((256, 256), np.uint8)
    laid[100:] = 255
    canvas = Canvas(mesh, replace(textures, photograph=laid), 256)
    below = np.nonzero(canvas.texels.coverage)[0] >= 100
    assert np.array_equal(canvas.best == 1, below) and np.array_equal(canvas.weight == 1, below)


def test_colours_where_none_were_known_replace_those_of_a_larger_texture() -> None:
    mesh, textures = ball()
    canvas = Canvas(mesh, textures, 128, known=np.zeros((256, 256), bool))
    canvas.rows = np.full_like(canvas.rows, 0.25)
    assert (canvas.textures(1).albedo[textures.coverage] == 64).all()


def test_a_photograph_is_a_colour_to_start_from() -> None:
    mesh, textures = ball()
    laid = np.zeros((256, 256), np.uint8)
    laid[100:] = 255
    canvas = Canvas(mesh, replace(textures, photograph=laid), 256, known=np.zeros((256, 256), bool))
    assert np.array_equal(canvas.known, np.nonzero(canvas.texels.coverage)[0] >= 100)
