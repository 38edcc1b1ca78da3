# SPDX-License-Identifier: GPL-3.0-or-later
"""Which way the faces of somebody's mesh look: one way across every edge, and outward, whatever the file says."""

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from .mesh import Mesh

ROUND = 0.02
"""Volume over that of a ball of the same area from which a part has an outside; a sheet has none."""


def outward(mesh: Mesh) -> tuple[Mesh, Bool[np.ndarray, " F"]]:
    """The mesh with faces turned so that neighbours agree and each part looks outward, and which were turned.

    Sheets and parts that cannot agree, as a Moebius strip, keep the side that most of their surface shows.
    """
    flipped = _flipped(mesh)
    faces = mesh.faces.copy()
    faces[flipped] = faces[flipped][:, ::-1]
    return Mesh(mesh.vertices, faces, mesh.uv), flipped


def _flipped(mesh: Mesh) -> Bool[np.ndarray, " F"]:
    count = len(mesh.faces)
    one, two, clash = _neighbours(mesh.welded()[mesh.faces])
    # Each face stands twice in the graph, as it is and turned over; an edge joins what agrees.
    other = two + count * clash
    rows = np.concatenate([one, one + count])
    columns = np.concatenate([other, (other + count) % (2 * count)])
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (2 * count,) * 2)
    labels = connected_components(graph, directed=False)[1]
    as_is, turned = labels[:count], labels[count:]
    area, volume = _measures(mesh, np.minimum(as_is, turned))
    sign = np.concatenate([np.ones(count), -np.ones(count)])
    volumes = np.bincount(labels, sign * np.tile(volume, 2))
    areas = np.bincount(labels, np.tile(area, 2))
    kept = np.bincount(as_is, area, len(volumes))  # of the surface that stays as it is under a label
    ball = areas**1.5 / (6 * np.sqrt(np.pi))
    solid = np.abs(volumes) > ROUND * ball
    better = np.where(solid[as_is], volumes[turned] > volumes[as_is], kept[turned] > kept[as_is])
    return better & (as_is != turned)


def _neighbours(
    faces: Int[np.ndarray, "F 3"],
) -> tuple[Int[np.ndarray, " E"], Int[np.ndarray, " E"], Bool[np.ndarray, " E"]]:
    """Pairs of faces at edges that have exactly two, and whether they run along it the same way."""
    starts, ends = faces.reshape(-1).astype(np.int64), np.roll(faces, -1, 1).reshape(-1).astype(np.int64)
    proper = np.flatnonzero(starts != ends)
    low, high = np.minimum(starts, ends)[proper], np.maximum(starts, ends)[proper]
    keys = low * (int(faces.max()) + 1) + high
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    pairs = first[np.diff(np.append(first, len(order))) == 2]
    one, two = proper[order[pairs]], proper[order[pairs + 1]]
    return one // 3, two // 3, starts[one] == starts[two]


def _measures(mesh: Mesh, part: Int[np.ndarray, " F"]) -> tuple[Float[np.ndarray, " F"], Float[np.ndarray, " F"]]:
    """Area of each face, and the signed volume between it and the middle of its part."""
    corners = mesh.vertices.astype(np.float64)[mesh.faces]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    weight = np.maximum(np.bincount(part, area), 1e-300)
    middle = np.stack([np.bincount(part, area * corners[:, :, axis].mean(1)) for axis in range(3)], 1)
    corners = corners - (middle / weight[:, None])[part][:, None]
    return area, np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6
