# SPDX-License-Identifier: GPL-3.0-or-later
"""What no camera saw follows its surroundings on the surface: folds, hollows behind ears, the inside of nostrils."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import cg

from ..surface.mesh import Mesh

STIFFNESS = 0.02
"""Weight of an edge's smoothness against a fully known vertex."""
ROUNDS = 300
"""Of conjugate gradients: so many edges far colours travel at most."""


def carried(
    mesh: Mesh,
    corners: tuple[np.ndarray, np.ndarray],
    values: Float[np.ndarray, "N C"],
    known: Float[np.ndarray, " N"],
) -> Float[np.ndarray, "N C"]:
    """Texel values as far as they are `known` (0 to 1), spread smoothly over the surface to where they are not.

    `corners` are each texel's vertices `[N, 3]` and their barycentric weights `[N, 3]`. A loose part without any known
    texel keeps its values.
    """
    vertices, shares = corners
    welded = mesh.welded()
    count = int(welded.max()) + 1
    node = welded[vertices]
    mass = np.bincount(node.reshape(-1), (shares * known[:, None]).reshape(-1), count)
    total = np.bincount(node.reshape(-1), shares.reshape(-1), count)
    trust = mass / np.maximum(total, 1e-9)
    means = np.stack(
        [
            np.bincount(node.reshape(-1), (shares * (known * values[:, axis])[:, None]).reshape(-1), count)
            for axis in range(values.shape[1])
        ],
        1,
    ) / np.maximum(mass, 1e-9)[:, None]  # fmt: skip
    if not trust.any():
        return values
    faces = welded[mesh.faces]
    spread, reached = _spread(faces, trust, means)
    found = (spread[node] * shares[..., None]).sum(1)
    unknown = ((1 - known) * reached[node[:, 0]])[:, None]
    return (values + unknown * (found - values)).astype(np.float32)


def _spread(
    faces: Int[np.ndarray, "F 3"], trust: Float[np.ndarray, " V"], values: Float[np.ndarray, "V C"]
) -> tuple[Float[np.ndarray, "V C"], Bool[np.ndarray, " V"]]:
    """The smoothest vertex values that agree with the given ones as far as those are trusted, and which vertices hang
    together with a trusted one."""
    starts, ends = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    graph = coo_matrix((np.ones(len(starts)), (starts, ends)), (len(trust),) * 2).tocsr()
    graph = graph + graph.T
    parts, part = connected_components(graph, directed=False)
    reached = np.bincount(part, trust, parts)[part] > 0
    degree = np.asarray(graph.sum(1)).reshape(-1)
    # The last term keeps parts that hold nothing known solvable.
    system = diags(trust + STIFFNESS * degree + 1e-9) - STIFFNESS * graph
    inverse = diags(1 / system.diagonal())
    middle = (trust @ values) / trust.sum()
    columns = [
        start + cg(system, trust * (column - start), rtol=1e-4, maxiter=ROUNDS, M=inverse)[0]
        for start, column in zip(middle, values.T, strict=True)
    ]
    return np.stack(columns, 1), reached
