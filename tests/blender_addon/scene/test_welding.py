# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from blender_addon.scene.welding import weld


def test_copies_along_a_seam_become_one_vertex():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=np.float32)
    faces = np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32)
    vertices, welded = weld(square, faces)
    assert len(vertices) == 4
    np.testing.assert_array_equal(vertices[welded], square[faces])
    np.testing.assert_array_equal(welded, [[0, 1, 2], [0, 2, 3]])  # order of first appearance


def test_a_mesh_without_copies_is_left_as_it_is():
    rng = np.random.default_rng(4)
    vertices = rng.normal(size=(500, 3)).astype(np.float32)
    faces = rng.integers(0, 500, (900, 3)).astype(np.int32)
    same, kept = weld(vertices, faces)
    np.testing.assert_array_equal(same, vertices)
    np.testing.assert_array_equal(kept, faces)
    assert kept.dtype == np.int32


def test_zero_and_minus_zero_are_the_same_place():
    vertices, faces = weld(np.array([[0.0, 1, 2], [-0.0, 1, 2], [3, 4, 5]]), np.array([[0, 1, 2]]))
    assert len(vertices) == 2 and faces.tolist() == [[0, 0, 1]]
