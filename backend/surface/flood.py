# SPDX-License-Identifier: GPL-3.0-or-later
"""A lattice known only near a surface, compiled: which nodes are wanted, and where the surface goes on.

A block owns 4^3 nodes: bit 16 x + 4 y + z of its masks. A child is 2^3 cells; eight begin in each block, and their far
nodes may belong to the next blocks. Children are numbered (x * side + y) * side + z over the whole lattice.
"""

import numpy as np
from numba import njit

SIDE = 4
"""Nodes along a block."""


def _masks() -> np.ndarray:
    """[8, 8]: nodes of child o (bits 4 x + 2 y + z of its place in the block) that the block d steps on owns."""
    out = np.zeros((8, 8), np.uint64)
    for child in range(8):
        for dx, dy, dz in np.ndindex(3, 3, 3):
            node = [2 * (child >> 2) + dx, 2 * (child >> 1 & 1) + dy, 2 * (child & 1) + dz]
            beyond = 4 * (node[0] // SIDE) + 2 * (node[1] // SIDE) + node[2] // SIDE
            bit = 16 * (node[0] % SIDE) + 4 * (node[1] % SIDE) + node[2] % SIDE
            out[child, beyond] |= np.uint64(1) << np.uint64(bit)
    return out


MASKS = _masks()
_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def near_blocks(near, blocks):
    """Blocks that meet a cell of the map of where a surface can be, as rows."""
    side = len(near)
    hit = np.zeros((blocks, blocks, blocks), np.bool_)
    low = np.empty(side, np.int64)
    high = np.empty(side, np.int64)
    for at in range(side):
        low[at] = at * blocks // side
        high[at] = min(-(-(at + 1) * blocks // side), blocks)
    for i in range(side):
        for j in range(side):
            for k in range(side):
                if near[i, j, k]:
                    hit[low[i] : high[i], low[j] : high[j], low[k] : high[k]] = True
    count = 0
    for i in range(blocks):
        for j in range(blocks):
            for k in range(blocks):
                count += hit[i, j, k]
    rows = np.empty((count, 3), np.int32)
    count = 0
    for i in range(blocks):
        for j in range(blocks):
            for k in range(blocks):
                if hit[i, j, k]:
                    rows[count, 0], rows[count, 1], rows[count, 2] = i, j, k
                    count += 1
    return rows


@njit(cache=True, nogil=True)
def activate(slots, children, count):
    """Give slots to the blocks of children and of their far nodes; the places of the new blocks, in order of slots.

    `slots` [K + 1]^3 holds each block's slot or -1 and is changed; `count` slots are taken.
    """
    side = 2 * (len(slots) - 1)
    fresh = 0
    for way in range(2):
        if way == 1:
            places = np.empty((fresh, 3), np.int32)
            fresh = 0
        for child in children:
            x, y, z = child // (side * side), child // side % side, child % side
            for dx in range((x & 1) + 1):
                for dy in range((y & 1) + 1):
                    for dz in range((z & 1) + 1):
                        i, j, k = x // 2 + dx, y // 2 + dy, z // 2 + dz
                        if way == 0 and slots[i, j, k] == -1:
                            slots[i, j, k] = -2
                            fresh += 1
                        if way == 1 and slots[i, j, k] == -2:
                            slots[i, j, k] = count + fresh
                            places[fresh, 0], places[fresh, 1], places[fresh, 2] = i, j, k
                            fresh += 1
    return places


@njit(cache=True, nogil=True)
def want(slots, children, masks, asked, wanted):
    """Mark the nodes of children that were not asked yet; how many there are."""
    side = 2 * (len(slots) - 1)
    count = 0
    for child in children:
        x, y, z = child // (side * side), child // side % side, child % side
        own = 4 * (x & 1) + 2 * (y & 1) + (z & 1)
        for beyond in range(8):
            mask = masks[own, beyond]
            if mask != 0:
                slot = slots[x // 2 + (beyond >> 2), y // 2 + (beyond >> 1 & 1), z // 2 + (beyond & 1)]
                fresh = mask & ~asked[slot] & ~wanted[slot]
                wanted[slot] |= fresh
                count += ones(fresh)
    return count


@njit(cache=True, nogil=True)
def collect(slots, children, asked, wanted, count):
    """The marked nodes, which count as asked from now on: slot x 64 + bit, and places in the lattice."""
    side = 2 * (len(slots) - 1)
    numbers = np.empty(count, np.int64)
    nodes = np.empty((count, 3), np.int32)
    at = 0
    for child in children:
        x, y, z = child // (side * side), child // side % side, child % side
        for beyond in range(8):
            i, j, k = x // 2 + (beyond >> 2), y // 2 + (beyond >> 1 & 1), z // 2 + (beyond & 1)
            slot = slots[i, j, k]
            if slot < 0 or wanted[slot] == 0:
                continue
            for bit in range(64):
                if (wanted[slot] >> np.uint64(bit)) & _ONE:
                    numbers[at] = slot * 64 + bit
                    nodes[at, 0] = SIDE * i + (bit >> 4)
                    nodes[at, 1] = SIDE * j + (bit >> 2 & 3)
                    nodes[at, 2] = SIDE * k + (bit & 3)
                    at += 1
            asked[slot] |= wanted[slot]
            wanted[slot] = 0
    return numbers, nodes


@njit(cache=True, nogil=True)
def store(values, numbers, nodes, found, last, half):
    """Keep what was asked, intersected with a box half a cell smaller than the lattice, whose last node is `last`."""
    for row in range(len(numbers)):
        value = found[row]
        outer, inner = False, False
        for axis in range(3):
            node = nodes[row, axis]
            outer |= node == 0 or node == last
            inner |= node == 1 or node == last - 1
        if outer:
            value = max(value, half)
        elif inner:
            value = max(value, -half)
        values[numbers[row] // 64, numbers[row] % 64] = value


@njit(cache=True, nogil=True)
def spread(slots, children, values, active):
    """Children behind faces that the surface passes, which become active."""
    side = 2 * (len(slots) - 1)
    out = np.empty(6 * len(children), np.int64)
    count = 0
    local = np.empty((3, 3, 3), np.bool_)
    for child in children:
        x, y, z = child // (side * side), child // side % side, child % side
        inside = 0
        for a in range(3):
            for b in range(3):
                for c in range(3):
                    local[a, b, c] = node(slots, values, 2 * x + a, 2 * y + b, 2 * z + c) < 0
                    inside += local[a, b, c]
        if inside == 0 or inside == 27:
            continue
        for axis in range(3):
            for way in range(2):
                seen = 0
                for a in range(3):
                    for b in range(3):
                        if axis == 0:
                            seen += local[2 * way, a, b]
                        elif axis == 1:
                            seen += local[a, 2 * way, b]
                        else:
                            seen += local[a, b, 2 * way]
                if seen == 0 or seen == 9:
                    continue
                step = 2 * way - 1
                i, j, k = x + step * (axis == 0), y + step * (axis == 1), z + step * (axis == 2)
                if i < 0 or j < 0 or k < 0 or i >= side or j >= side or k >= side:
                    continue
                if mark(active, i, j, k):
                    out[count] = (i * side + j) * side + k
                    count += 1
    return out[:count].copy()


@njit(cache=True, nogil=True)
def begin(active, rows):
    """Make children (rows of places) active; the numbers of those that were not."""
    side = 2 * len(active)
    out = np.empty(len(rows), np.int64)
    count = 0
    for row in range(len(rows)):
        i, j, k = np.int64(rows[row, 0]), np.int64(rows[row, 1]), np.int64(rows[row, 2])
        if mark(active, i, j, k):
            out[count] = (i * side + j) * side + k
            count += 1
    return out[:count].copy()


@njit(cache=True, nogil=True)
def mark(active, i, j, k):
    """Make a child active; whether it was not. One bit each: 4 x + 2 y + z of its place in the block."""
    bit = np.uint8(1 << (4 * (i & 1) + 2 * (j & 1) + (k & 1)))
    before = active[i // 2, j // 2, k // 2]
    active[i // 2, j // 2, k // 2] = before | bit
    return before & bit == 0


@njit(cache=True, nogil=True)
def node(slots, values, x, y, z):
    """The value at a node of the lattice, which must have been asked."""
    return values[slots[x // SIDE, y // SIDE, z // SIDE], 16 * (x % SIDE) + 4 * (y % SIDE) + z % SIDE]


@njit(cache=True, nogil=True)
def ones(mask):
    """How many bits are set."""
    mask -= (mask >> np.uint64(1)) & np.uint64(0x5555555555555555)
    mask = (mask & np.uint64(0x3333333333333333)) + ((mask >> np.uint64(2)) & np.uint64(0x3333333333333333))
    mask = (mask + (mask >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((mask * np.uint64(0x0101010101010101)) >> np.uint64(56))
