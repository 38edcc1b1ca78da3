# SPDX-License-Identifier: GPL-3.0-or-later
"""What no camera saw follows its surroundings on the surface: folds, hollows behind ears, the inside of nostrils."""

import numpy as np
from jaxtyping import Float
from scipy.sparse import coo_matrix, diags
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
    spread = _spread(welded[mesh.faces], trust, means)
    found = (spread[node] * shares[..., None]).sum(1)
    reached = (_spread(welded[mesh.faces], trust, np.ones((count, 1)))[node] * shares[..., None]).sum(1) > 0.5
    unknown = (1 - known)[:, None] * reached
    return (values + unknown * (found - values)).astype(np.float32)


def _spread(
    faces: np.ndarray, trust: Float[np.ndarray, " V"], values: Float[np.ndarray, "V C"]
) -> Float[np.ndarray, "V C"]:
    """The smoothest vertex values that agree with the given ones as far as those are trusted."""
    starts, ends = faces.reshape(-1), np.roll(faces, -1, 1).reshape(-1)
    graph = coo_matrix((np.ones(len(starts)), (starts, ends)), (len(trust),) * 2).tocsr()
    graph = graph + graph.T
    degree = np.asarray(graph.sum(1)).reshape(-1)
    # The last term keeps parts that hold nothing known solvable; they come out as 0.
    system = diags(trust + STIFFNESS * degree + 1e-9) - STIFFNESS * graph
    inverse = diags(1 / system.diagonal())
    columns = [cg(system, trust * column, rtol=1e-4, maxiter=ROUNDS, M=inverse)[0] for column in values.T]
    return np.stack(columns, 1)
