# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from backend.texture.occlusion import directions, occlusion
from tests.analytic import BustField, SphereField


def test_a_ball_in_the_open_sees_everything() -> None:
    assert occlusion(clean(extract(SphereField(0.6), 48), 3000)).min() > 0.93


def test_under_a_chin_it_is_darker_than_on_the_brow() -> None:
    bust = clean(extract(BustField(), 48), 4000)
    light = occlusion(bust)
    x, y, z = bust.vertices.T
    crease = (np.hypot(x, z) < 0.28) & (np.abs(y + 0.1) < 0.05)
    brow = (y > 0.4) & (z > 0.2)
    assert light[crease].mean() < 0.95 < 0.98 < light[brow].min()


def test_a_corner_of_two_walls_sees_half() -> None:
    """A long wall that stands on a floor: where they meet, each sees one half of its sky."""
    side = np.linspace(0, 1, 41)
    floor = np.stack(np.meshgrid(side, 8 * side - 4, indexing="ij"), -1).reshape(-1, 2)
    number = np.arange(41 * 41).reshape(41, 41)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
    ground = np.column_stack([floor[:, 0], np.zeros(len(floor)), floor[:, 1]])
    wall = np.column_stack([np.zeros(len(floor)), floor])[:, [0, 1, 2]]
    mesh = Mesh(
        np.concatenate([ground, wall]).astype(np.float32),
        np.concatenate([faces, faces[:, ::-1] + len(ground)]).astype(np.int32),
    )
    light = occlusion(mesh)
    near = (np.abs(ground[:, 2]) < 0.5) & (ground[:, 0] > 0.02) & (ground[:, 0] < 0.06)
    far = (np.abs(ground[:, 2]) < 0.5) & (ground[:, 0] > 0.97)
    assert abs(light[: len(ground)][near].mean() - 0.5) < 0.1
    assert light[: len(ground)][far].mean() > 0.8


def test_directions_are_spread_evenly() -> None:
    spread = directions(96)
    assert np.allclose(np.linalg.norm(spread, axis=1), 1)
    assert np.abs(spread.mean(0)).max() < 0.01
    assert np.allclose(spread.T @ spread / 96, np.eye(3) / 3, atol=0.01)
