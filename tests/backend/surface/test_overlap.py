# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.surface.mesh import Mesh
from backend.surface.overlap import covered_twice

SQUARE = np.array([0, 1, 1 + 1j, 1j])
TWO = np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def mesh(flat: np.ndarray, faces: np.ndarray) -> Mesh:
    return Mesh(np.stack([flat.real, flat.imag, 0 * flat.real], 1).astype(np.float32), faces)


def test_faces_that_share_an_edge_do_not_overlap() -> None:
    assert not covered_twice(mesh(SQUARE, TWO), SQUARE, np.zeros(2, int)).any()


def test_a_face_that_lies_on_an_earlier_one_is_found() -> None:
    flat = np.concatenate([SQUARE, SQUARE + 0.9 + 0.9j, SQUARE + 5])
    faces = np.concatenate([TWO, TWO + 4, TWO + 8])
    found = covered_twice(mesh(flat, faces), flat, np.zeros(6, int))
    assert not found[[0, 1, 4, 5]].any() and found[[2, 3]].any()


def test_charts_may_lie_on_each_other() -> None:
    flat = np.concatenate([SQUARE, SQUARE + 0.1])
    assert not covered_twice(mesh(flat, np.concatenate([TWO, TWO + 4])), flat, np.array([0, 0, 1, 1])).any()
