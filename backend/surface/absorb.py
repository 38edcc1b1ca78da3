# SPDX-License-Identifier: GPL-3.0-or-later
"""Small charts given up for the large ones that they were cut out of: what coarse levels of detail cannot keep apart.

A chart that was cut out of another left a hole there. Laid into it by the hole's outline, its faces show the padding of
the chart around, which is near enough from far away, and no seam is left for a coarse mesh to keep.
"""

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

from .mesh import Mesh, pieces

LARGE = 0.01
"""Share of the surface from which a chart is kept."""
FEWEST = 3
"""Places of a hole's outline by which it is known."""


def without_scraps(mesh: Mesh) -> Mesh:
    """The mesh with the faces of small charts in large ones; faces keep their order and places.

    Vertices stay, and some are added: copies, at the same places, of those that lie inside a hole. Their texture
    positions are the mean of their neighbours' (Tutte 1963). What borders on no large chart stays as it is.
    """
    assert mesh.uv is not None
    chart = pieces(mesh.faces, len(mesh.vertices))
    areas = np.bincount(chart[mesh.faces[:, 0]], mesh.areas())
    large = np.flatnonzero(areas > LARGE * areas.sum())
    rank = np.full(len(areas), -1)
    rank[large] = np.arange(len(large))
    of_vertex = rank[chart]
    small = np.flatnonzero(of_vertex[mesh.faces[:, 0]] < 0)
    if not len(small) or not len(large):
        return mesh
    places = mesh.welded()
    used, corners = np.unique(places[mesh.faces[small]], return_inverse=True)
    corners = corners.reshape(-1, 3)
    ends = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    graph = coo_matrix((np.ones(len(ends)), ends.T), (len(used),) * 2).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    count, cluster = connected_components(graph, directed=False)
    copies = _copies(places, of_vertex, used, len(large))
    known = np.zeros((count, len(large)), np.int64)
    np.add.at(known, cluster, copies >= 0)
    vertex = copies[np.arange(len(used)), known.argmax(1)[cluster]]
    housed = (known.max(1) >= FEWEST)[cluster]
    fixed, free = housed & (vertex >= 0), housed & (vertex < 0)
    flat = mesh.uv.astype(np.float64)
    places_in = np.zeros((len(used), 2))
    places_in[fixed] = flat[vertex[fixed]]
    if free.any():
        degree = diags(np.asarray(graph.sum(1)).reshape(-1))
        inner = (degree - graph)[free]
        places_in[free] = spsolve(inner[:, free].tocsc(), -inner[:, fixed] @ places_in[fixed]).reshape(-1, 2)
    origin = np.zeros(int(places.max()) + 1, np.int64)
    origin[places] = np.arange(len(places))
    vertex[free] = len(mesh.vertices) + np.arange(free.sum())
    faces = mesh.faces.copy()
    moved = housed[corners[:, 0]]
    faces[small[moved]] = vertex[corners[moved]]
    return Mesh(
        np.concatenate([mesh.vertices, mesh.vertices[origin[used[free]]]]),
        faces,
        np.concatenate([mesh.uv, places_in[free].astype(np.float32)]),
    )


def _copies(
    places: Int[np.ndarray, " V"], of_vertex: Int[np.ndarray, " V"], used: Int[np.ndarray, " U"], charts: int
) -> Int[np.ndarray, "U L"]:
    """The vertex of each used place in each large chart; -1 where there is none, or one on either side of a seam."""
    out = np.full((len(used), charts), -1, np.int64)
    row = np.full(int(places.max()) + 1, -1)
    row[used] = np.arange(len(used))
    kept = np.flatnonzero((of_vertex >= 0) & (row[places] >= 0))
    keys = row[places[kept]] * charts + of_vertex[kept]
    number, first, uses = np.unique(keys, return_index=True, return_counts=True)
    out.reshape(-1)[number[uses == 1]] = kept[first[uses == 1]]
    return out
