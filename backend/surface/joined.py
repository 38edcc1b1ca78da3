# SPDX-License-Identifier: GPL-3.0-or-later
"""What hangs together, compiled: by pairs, and by half edges (3 x face + corner, from that corner to the next)."""

import numpy as np
from jaxtyping import Int
from numba import njit


def joined(first: Int[np.ndarray, " N"], second: Int[np.ndarray, " N"], count: int) -> Int[np.ndarray, " V"]:
    """A number for each of `count` things, equal for those that pairs connect; from 0, in order of their first."""
    return _numbered(_united(first, second, count))


def joined_faces(faces: Int[np.ndarray, "F 3"], count: int) -> Int[np.ndarray, " V"]:
    """The same for vertices that faces connect."""
    return _numbered(_united_faces(faces, count))


@njit(cache=True, nogil=True)
def _united(first, second, count):
    parent = np.arange(count)
    for row in range(len(first)):
        _unite(parent, first[row], second[row])
    return parent


@njit(cache=True, nogil=True)
def _united_faces(faces, count):
    parent = np.arange(count)
    for face in range(len(faces)):
        _unite(parent, faces[face, 0], faces[face, 1])
        _unite(parent, faces[face, 0], faces[face, 2])
    return parent


@njit(cache=True, nogil=True)
def _unite(parent, one, two):
    one, two = top(parent, one), top(parent, two)
    # The lower one stays, so that numbers follow the order of the things.
    if one < two:
        parent[two] = one
    else:
        parent[one] = two


@njit(cache=True, nogil=True)
def top(parent, one):
    """The one that stands for all that are joined."""
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    return one


@njit(cache=True, nogil=True)
def _numbered(parent):
    out = np.empty(len(parent), np.int64)
    count = 0
    for one in range(len(parent)):
        if parent[one] == one:
            out[one] = count
            count += 1
        else:
            out[one] = out[top(parent, one)]
    return out
