# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from backend.surface.winding import outward
from tests.analytic import SphereField


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return clean(extract(SphereField(), 32), 800)


def flipped(mesh: Mesh, rows: np.ndarray) -> Mesh:
    faces = mesh.faces.copy()
    faces[rows] = faces[rows][:, ::-1]
    return Mesh(mesh.vertices, faces)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_faces_of_a_ball_look_outward_however_they_were_mixed(ball: Mesh, share: float) -> None:
    rows = np.random.default_rng(2).uniform(size=len(ball.faces)) < share
    mended, turned = outward(flipped(ball, rows))
    assert np.array_equal(turned, rows)
    assert np.array_equal(mended.faces, ball.faces) and mended.volume() > 0


def test_an_open_half_and_a_second_part_are_turned_each_for_itself(ball: Mesh) -> None:
    bowl = ball.faces[(ball.vertices[ball.faces][:, :, 1] > -0.2).all(1)]
    away = ball.vertices + np.array([3, 0, 0], np.float32)
    both = Mesh(np.concatenate([ball.vertices, away]), np.concatenate([bowl[:, ::-1], ball.faces + len(away)]))
    mended, turned = outward(both)
    assert turned[: len(bowl)].all() and not turned[len(bowl) :].any()
    assert np.array_equal(mended.faces[: len(bowl)], bowl)


def test_a_sheet_keeps_the_side_that_most_of_it_shows() -> None:
    grid = np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0), [0.0]), -1).reshape(-1, 3).astype(np.float32)
    corners = [[5 * 0 + 4 * r + c, 4 * r + c + 1, 4 * r + c + 4] for r in range(3) for c in range(3)]
    corners += [[b, c + 1, c] for _, b, c in corners]
    sheet = Mesh(grid, np.array(corners, np.int32))
    mended, turned = outward(flipped(sheet, np.arange(18) < 3))
    assert turned.sum() == 3 and np.array_equal(mended.faces, sheet.faces)


def test_edges_of_three_faces_and_faces_without_area_do_no_harm(ball: Mesh) -> None:
    fin = np.array([[*ball.faces[0][:2], ball.faces[9][0]], [7, 7, 7]], np.int32)
    odd = Mesh(ball.vertices, np.concatenate([ball.faces, fin]))
    assert outward(odd)[1][:-2].sum() == 0
