# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.flatten import FlattenError, distortion, flatten, outlines, pieces
from backend.surface.mesh import Mesh

SIDE = 41


def sheet(bend) -> Mesh:
    """A square of two units, bent into space."""
    axis = np.linspace(-1, 1, SIDE)
    x, y = (each.reshape(-1) for each in np.meshgrid(axis, axis, indexing="ij"))
    number = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.stack([a, b, c, a, c, d], -1).reshape(-1, 3)
    return Mesh(np.stack(bend(x, y), 1).astype(np.float32), faces.astype(np.int32))


def test_a_rolled_sheet_is_laid_flat_without_stretch() -> None:
    """Three quarters of a cylinder, and waves along it."""
    rolled = sheet(lambda x, y: (np.sin(2.3 * x) / 2.3, y, np.cos(2.3 * x) / 2.3))
    energy, areas = distortion(rolled, flatten(rolled))
    assert np.isfinite(energy).all()
    assert (energy * areas).sum() / areas.sum() < 1.005


def test_a_dome_is_stretched_little_and_nothing_turns_over() -> None:
    dome = sheet(lambda x, y: (x, y, 0.5 * np.cos(1.5 * x) * np.cos(1.5 * y)))
    energy, areas = distortion(dome, flatten(dome))
    assert energy.max() < 1.5
    assert (energy * areas).sum() / areas.sum() < 1.03


def test_charts_are_laid_flat_each_for_itself() -> None:
    plain = sheet(lambda x, y: (x, y, 0 * x))
    both = Mesh(
        np.concatenate([plain.vertices, plain.vertices + np.float32(3)]),
        np.concatenate([plain.faces, plain.faces + len(plain.vertices)]),
    )
    flat = flatten(both)
    energy, _ = distortion(both, flat)
    assert energy.max() < 1.05
    assert pieces(both.faces, len(flat)).max() == 1


def test_what_is_no_disc_is_refused() -> None:
    plain = sheet(lambda x, y: (x, y, 0 * x))
    middle = (np.abs(plain.vertices[plain.faces].mean(1)) < 0.3).all(1)
    with pytest.raises(FlattenError, match="not a disc"):
        flatten(Mesh(plain.vertices, plain.faces[~middle]))


def test_outlines_keep_the_surface_on_their_left() -> None:
    (loop,) = outlines(np.array([[0, 1, 2], [0, 2, 3]]))
    assert np.roll(loop, -int(np.argmin(loop))).tolist() == [0, 1, 2, 3]
