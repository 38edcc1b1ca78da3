# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from backend.surface.joined import joined, joined_faces


def test_pairs_connect_as_a_graph_says_and_numbers_follow_the_order() -> None:
    random = np.random.default_rng(0)
    first, second = random.integers(0, 500, (2, 300))
    graph = coo_matrix((np.ones(300), (first, second)), (500, 500))
    assert np.array_equal(joined(first, second, 500), connected_components(graph, directed=False)[1])


def test_faces_connect_their_vertices() -> None:
    faces = np.array([[0, 4, 1], [5, 3, 6], [4, 7, 1]], np.int32)
    assert joined_faces(faces, 8).tolist() == [0, 0, 1, 2, 0, 2, 2, 0]
