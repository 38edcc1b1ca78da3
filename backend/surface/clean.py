# SPDX-License-Identifier: GPL-3.0-or-later
"""From marching cubes' output to a mesh worth keeping: one piece, few faces, none of them degenerate."""

import logging

import numpy as np
from jaxtyping import Float, Int

from .handles import without_handles
from .manifold import separate, without_flaps
from .mesh import Mesh, compact, pieces

SLIVER = 1e-3
"""A face is degenerate when its height over its longest edge is below this share of that edge."""
LEAST_HEIGHT = 1e-5
"""... or below this length, box units."""
PATIENCE = 5
"""How fast the collapse raises its error threshold; 7 is the library's default, below 4 it may stop short."""

log = logging.getLogger(__name__)


def clean(mesh: Mesh, faces: int) -> Mesh:
    """The largest piece, about `faces` faces at most: closed, outward, no degenerate faces, no small handles."""
    simple = simplify(largest_piece(mesh), faces)
    if not simple.is_closed():
        # A collapse can pinch a thin part, or many where a field is torn and full of holes.
        simple = largest_piece(separate(simple))
    simple = repair(without_handles(repair(simple)))
    log.info("cleaned %d faces to %d", len(mesh.faces), len(simple.faces))
    return simple


def largest_piece(mesh: Mesh) -> Mesh:
    """The connected piece with the largest surface; floaters and hidden bubbles go."""
    of_face = pieces(mesh.faces, len(mesh.vertices))[mesh.faces[:, 0]]
    largest = np.bincount(of_face, mesh.areas()).argmax()
    return compact(mesh.vertices, mesh.faces[of_face == largest])


def simplify(mesh: Mesh, faces: int) -> Mesh:
    """Quadric edge collapse (Garland & Heckbert 1997) to a face budget."""
    if len(mesh.faces) <= faces:
        return mesh
    import fast_simplification

    # The library's default pace leaves folded faces that show as dark specks.
    vertices, kept = fast_simplification.simplify(mesh.vertices, mesh.faces, target_count=faces, agg=PATIENCE)
    return compact(np.asarray(vertices, np.float32), np.asarray(kept, np.int32))


def repair(mesh: Mesh, rounds: int = 20) -> Mesh:
    """Remove degenerate faces and keep a closed mesh closed.

    A face whose shortest edge is tiny loses that edge; a face that is flat for another reason gives its longest edge to
    the neighbour across it. Few faces are touched, so plain loops do.
    """
    vertices, faces = mesh.vertices.astype(np.float64), without_flaps(mesh.faces.astype(np.int64))
    for _ in range(rounds):
        bad = np.flatnonzero(_degenerate(vertices, faces))
        if not len(bad):
            break
        faces = without_flaps(_mend(vertices, faces, bad))
    return compact(vertices.astype(np.float32), faces)


def _degenerate(vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"]):
    corners = vertices.astype(np.float32).astype(np.float64)[faces]
    longest = np.linalg.norm(corners[:, [1, 2, 0]] - corners, axis=2).max(1)
    doubled = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    return doubled <= longest * np.maximum(SLIVER * longest, LEAST_HEIGHT)


def _mend(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], bad: Int[np.ndarray, " N"]
) -> Int[np.ndarray, "G 3"]:
    """One round over the bad faces; a face whose neighbourhood changed waits for the next round."""
    faces = faces.copy()
    order = np.argsort(faces.reshape(-1), kind="stable")
    starts = np.searchsorted(faces.reshape(-1)[order], np.arange(len(vertices) + 1))
    dropped = np.zeros(len(faces), bool)
    touched = np.zeros(len(vertices), bool)
    for face in bad:
        corners = faces[face]
        near = [order[starts[vertex] : starts[vertex + 1]] // 3 for vertex in corners]
        if dropped[face] or touched[np.unique(faces[np.concatenate(near)])].any():
            continue
        lengths = np.linalg.norm(vertices[np.roll(corners, -1)] - vertices[corners], axis=1)
        short, long = int(lengths.argmin()), int(lengths.argmax())
        region = np.unique(faces[np.concatenate(near)])
        needle = lengths[short] < 0.2 * lengths[long]
        touched[region] = (
            (needle and _collapse(faces, dropped, near, corners, short))
            or _flip(vertices, faces, near, face, long)
            or _collapse(faces, dropped, near, corners, short)
        )
    return faces[~dropped]


def _collapse(faces, dropped, near, corners, edge: int) -> bool:
    """Merge the second end of an edge into the first, if the mesh stays a manifold there (link condition)."""
    keep, gone = corners[edge], corners[(edge + 1) % 3]
    at_keep, at_gone = near[edge], near[(edge + 1) % 3]
    common = np.intersect1d(faces[at_keep], faces[at_gone])
    if len(common) != 4:  # the two ends and the two apexes
        return False
    shared = np.intersect1d(at_keep, at_gone)
    dropped[shared] = True
    rows = np.setdiff1d(at_gone, shared)
    faces[rows] = np.where(faces[rows] == gone, keep, faces[rows])
    return True


def _flip(vertices, faces, near, face: int, edge: int) -> bool:
    """Turn the longest edge of a flat face, unless the new edge exists or a new face would be worse."""
    a, b, apex = np.roll(faces[face], -edge)
    across = [other for other in np.intersect1d(near[edge], near[(edge + 1) % 3]) if other != face]
    if len(across) != 1:
        return False
    opposite = int(np.setdiff1d(faces[across[0]], [a, b])[0])
    if opposite in faces[near[(edge + 2) % 3]]:
        return False
    new = np.array([[a, opposite, apex], [opposite, b, apex]])
    if _degenerate(vertices, new).any():
        return False
    faces[face], faces[across[0]] = new
    return True
