# SPDX-License-Identifier: GPL-3.0-or-later
"""Marching cubes over the blocks of a lattice that is known near the surface alone, compiled."""

import numpy as np
from numba import njit

from .blocks import Blocks
from .cubes import CORNERS, EDGES, table
from .flood import node, ones
from .mesh import Mesh

LEAST = 0.01
"""Distance from the surface, in cells, below which a node is taken to lie that far off: nearer ones make slivers."""
TRIANGLES, COUNTS = table()
_CORNERS = np.array(CORNERS, np.int64)
_AXES = np.array([axis for axis, _ in EDGES], np.int64)
_LOWER = np.array([lower for _, lower in EDGES], np.int64)
_SIDES = np.array([[CORNERS.index(low), CORNERS.index(tuple(np.add(low, np.eye(3, dtype=int)[axis])))]
                   for axis, low in EDGES], np.int64)  # fmt: skip
_ONE = np.uint64(1)


def march(blocks: Blocks) -> Mesh:
    """The surface of a lattice: closed, each vertex on an edge whose ends differ in sign.

    Raises ValueError where there is none.
    """
    slots, values, active, places = blocks.slots, blocks.values, blocks.active, blocks.places[: blocks.count]
    edges = np.zeros((blocks.count, 3), np.uint64)
    faces = cross(slots, values, active, places, edges, _CORNERS, _AXES, _LOWER, _SIDES, COUNTS)
    if not faces:
        raise ValueError("the field has no surface: its signed distance has one sign throughout the box")
    first = number(edges)
    least = np.float32(LEAST * blocks.cell)
    vertices = place(slots, values, places, edges, first, blocks.cell, blocks.field.extent, least)
    triangles = connect(slots, values, active, places, edges, first, faces, _CORNERS, _AXES, _LOWER, TRIANGLES, COUNTS)
    return Mesh(vertices, triangles)


@njit(cache=True, nogil=True)
def cross(slots, values, active, places, edges, corners, axes, lower, sides, counts):
    """Marks the edges that the surface crosses, by the slot and bit of their lower ends; returns how many triangles."""
    faces = 0
    local = np.empty((5, 5, 5), np.float32)
    for slot in range(len(places)):
        bits = _active(active, places, slot)
        if bits == 0:
            continue
        x, y, z = places[slot]
        _fetch(slots, values, x, y, z, local)
        for child in range(8):
            if not bits >> child & 1:
                continue
            for cell in range(8):
                i, j, k = (
                    2 * (child >> 2) + (cell >> 2),
                    2 * (child >> 1 & 1) + (cell >> 1 & 1),
                    2 * (child & 1) + (cell & 1),
                )
                kind = _kind(local, i, j, k, corners)
                if kind == 0 or kind == 255:
                    continue
                faces += counts[kind]
                for edge in range(12):
                    if (kind >> sides[edge, 0] & 1) != (kind >> sides[edge, 1] & 1):
                        a, b, c = i + lower[edge, 0], j + lower[edge, 1], k + lower[edge, 2]
                        owner = slots[x + a // 4, y + b // 4, z + c // 4]
                        edges[owner, axes[edge]] |= _ONE << np.uint64(16 * (a % 4) + 4 * (b % 4) + c % 4)
    return faces


@njit(cache=True, nogil=True)
def number(edges):
    """The number of the first vertex of each slot, and of all."""
    first = np.zeros(len(edges) + 1, np.int64)
    for slot in range(len(edges)):
        first[slot + 1] = first[slot] + ones(edges[slot, 0]) + ones(edges[slot, 1]) + ones(edges[slot, 2])
    return first


@njit(cache=True, nogil=True)
def place(slots, values, places, edges, first, cell, extent, least):
    """Where the surface crosses the marked edges, in the order of slots, axes and bits."""
    out = np.empty((first[-1], 3), np.float32)
    for slot in range(len(edges)):
        at = first[slot]
        for axis in range(3):
            mask = edges[slot, axis]
            for bit in range(64):
                if not (mask >> np.uint64(bit)) & _ONE:
                    continue
                x, y, z = (
                    4 * places[slot, 0] + (bit >> 4),
                    4 * places[slot, 1] + (bit >> 2 & 3),
                    4 * places[slot, 2] + (bit & 3),
                )
                one = _off(values[slot, bit], least)
                two = _off(node(slots, values, x + (axis == 0), y + (axis == 1), z + (axis == 2)), least)
                share = one / (one - two)
                out[at, 0] = (x + share * (axis == 0)) * cell - extent
                out[at, 1] = (y + share * (axis == 1)) * cell - extent
                out[at, 2] = (z + share * (axis == 2)) * cell - extent
                at += 1
    return out


@njit(cache=True, nogil=True)
def connect(slots, values, active, places, edges, first, faces, corners, axes, lower, triangles, counts):
    """The triangles of all cells."""
    out = np.empty((faces, 3), np.int32)
    at = 0
    local = np.empty((5, 5, 5), np.float32)
    for slot in range(len(places)):
        bits = _active(active, places, slot)
        if bits == 0:
            continue
        x, y, z = places[slot]
        _fetch(slots, values, x, y, z, local)
        for child in range(8):
            if not bits >> child & 1:
                continue
            for cell in range(8):
                i, j, k = (
                    2 * (child >> 2) + (cell >> 2),
                    2 * (child >> 1 & 1) + (cell >> 1 & 1),
                    2 * (child & 1) + (cell & 1),
                )
                kind = _kind(local, i, j, k, corners)
                for triangle in range(counts[kind]):
                    for corner in range(3):
                        edge = triangles[kind, triangle, corner]
                        a, b, c = i + lower[edge, 0], j + lower[edge, 1], k + lower[edge, 2]
                        owner = slots[x + a // 4, y + b // 4, z + c // 4]
                        bit = np.uint64(16 * (a % 4) + 4 * (b % 4) + c % 4)
                        vertex = first[owner]
                        for axis in range(axes[edge]):
                            vertex += ones(edges[owner, axis])
                        vertex += ones(edges[owner, axes[edge]] & ((_ONE << bit) - _ONE))
                        out[at, corner] = vertex
                    at += 1
    return out


@njit(cache=True, nogil=True)
def _active(active, places, slot):
    x, y, z = places[slot]
    # The last layer of blocks owns far nodes only.
    if x >= len(active) or y >= len(active) or z >= len(active):
        return np.uint8(0)
    return active[x, y, z]


@njit(cache=True, nogil=True)
def _fetch(slots, values, x, y, z, local):
    """The 5^3 nodes of a block; what was never asked is 0."""
    for beyond in range(8):
        dx, dy, dz = beyond >> 2, beyond >> 1 & 1, beyond & 1
        slot = slots[x + dx, y + dy, z + dz]
        for a in range(4 * dx, 4 + dx):
            for b in range(4 * dy, 4 + dy):
                for c in range(4 * dz, 4 + dz):
                    local[a, b, c] = 0.0 if slot < 0 else values[slot, 16 * (a % 4) + 4 * (b % 4) + c % 4]


@njit(cache=True, nogil=True)
def _lowest(child, cell):
    """The lowest node of one of the eight cells of a child, from that of its block."""
    return (
        2 * (child >> 2) + (cell >> 2),
        2 * (child >> 1 & 1) + (cell >> 1 & 1),
        2 * (child & 1) + (cell & 1),
    )


@njit(cache=True, nogil=True)
def _kind(local, i, j, k, corners):
    kind = 0
    for corner in range(8):
        if local[i + corners[corner, 0], j + corners[corner, 1], k + corners[corner, 2]] < 0:
            kind |= 1 << corner
    return kind


@njit(cache=True, nogil=True)
def _off(value, least):
    """A distance that is not too small."""
    if abs(value) >= least:
        return value
    return -least if value < 0 else least
