# SPDX-License-Identifier: GPL-3.0-or-later
"""The distances of a field on a regular lattice, asked for only where the surface is.

The occupancy map leaves some blocks of the lattice; a test at each block's centre leaves fewer; the nodes of those are
asked. Wherever the surface then leaves through a face of an asked block, the neighbour is asked too, so a connected
surface is never torn, whatever the bounds were worth. Nodes never asked only need a sign.
"""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float

from ..geometry import TRUNCATION
from ..geometry.fields import Field
from ..geometry.occupancy import SAFETY, TRUSTED, ask, occupancy

BLOCK = 4
"""Cells along a block. Smaller asks fewer nodes and more centres; 4 is the least total at 128 to 512."""


def lattice(field: Field, resolution: int) -> tuple[Float[np.ndarray, "X Y Z"], Bool[np.ndarray, "X Y Z"]]:
    """Signed distance on (resolution + 1)^3 nodes, exact near the surface, and which nodes were asked.

    The others hold the truncation with their sign. Memory is 5 bytes a node.
    """
    if resolution % BLOCK:
        raise ValueError(f"resolution must be a multiple of {BLOCK}, got {resolution}")
    blocks = resolution // BLOCK
    active, inside = candidates(field, blocks)
    values = np.empty((resolution + 1,) * 3, np.float32)
    fill_signs(values, inside)
    asked = np.zeros(values.shape, bool)
    fresh = active.copy()
    while fresh.any():
        wanted = nodes_of(fresh) & ~asked
        _ask_nodes(field, wanted, values)
        asked |= wanted
        fresh = _neighbours(values < 0, active) & ~active
        active |= fresh
    return values, asked


def close(values: Float[np.ndarray, "X Y Z"], cell: float) -> None:
    """Intersect a lattice with a box half a cell smaller than its own, in place."""
    for axis in range(3):
        layers = np.moveaxis(values, axis, 0)
        for outer, inner in ((0, 1), (-1, -2)):
            np.maximum(layers[outer], cell / 2, out=layers[outer])
            np.maximum(layers[inner], -cell / 2, out=layers[inner])


def candidates(field: Field, blocks: int) -> tuple[Bool[np.ndarray, "K K K"], Bool[np.ndarray, "K K K"]]:
    """Blocks that may hold the surface, and the sign of each block (true inside)."""
    grid = occupancy(field)
    near = grid.near.cpu().numpy()
    side = len(near)
    edges = np.arange(blocks) / blocks * side
    # overlap[b, c]: the intervals of block b and map cell c meet.
    overlap = (np.arange(side) < edges[:, None] + side / blocks) & (np.arange(side) + 1 > edges[:, None])
    active = near
    for axis in range(3):
        shares = np.tensordot(overlap.astype(np.float32), active.astype(np.float32), (1, axis)) > 0
        active = np.moveaxis(shares, 0, axis)
    nearest = np.minimum(((np.arange(blocks) + 0.5) / blocks * side).astype(int), side - 1)
    inside = grid.inside.cpu().numpy()[np.ix_(nearest, nearest, nearest)]
    bound = SAFETY * math.sqrt(3) * field.extent / blocks
    if bound < TRUSTED:
        rows = np.argwhere(active)
        centres = ((rows + 0.5) * (2 * field.extent / blocks) - field.extent).astype(np.float32)
        sdf = ask(field, torch.from_numpy(centres).to(field.device)).cpu().numpy()
        active[tuple(rows.T)] = np.abs(sdf) <= bound
        inside[tuple(rows.T)] = sdf < 0
    return active, inside


def fill_signs(values: Float[np.ndarray, "X Y Z"], inside: Bool[np.ndarray, "K K K"]) -> None:
    blocks = len(inside)
    signs = np.where(inside, -np.float32(TRUNCATION), np.float32(TRUNCATION))
    index = np.minimum(np.arange(len(values)) // BLOCK, blocks - 1)
    np.take(signs[index][:, index], index, axis=2, out=values)


def nodes_of(active: Bool[np.ndarray, "K K K"]) -> Bool[np.ndarray, "X Y Z"]:
    """Nodes of the given blocks, their far faces included."""
    nodes = active
    for axis in range(3):
        cells = np.repeat(nodes, BLOCK, axis)
        edge = [(0, 0)] * 3
        edge[axis] = (0, 1)
        nodes = np.pad(cells, edge)
        edge[axis] = (1, 0)
        nodes |= np.pad(cells, edge)
    return nodes


def _ask_nodes(field: Field, wanted: Bool[np.ndarray, "X Y Z"], values: Float[np.ndarray, "X Y Z"]) -> None:
    rows = np.nonzero(wanted)
    cell = 2 * field.extent / (len(values) - 1)
    points = np.stack(rows, 1).astype(np.float32) * np.float32(cell) - np.float32(field.extent)
    values[rows] = ask(field, torch.from_numpy(points).to(field.device)).cpu().numpy()


def _neighbours(negative: Bool[np.ndarray, "X Y Z"], active: Bool[np.ndarray, "K K K"]) -> Bool[np.ndarray, "K K K"]:
    """Blocks behind those faces of active blocks through which the surface passes."""
    found = np.zeros_like(active)
    for axis in range(3):
        planes = np.moveaxis(negative, axis, 0)[BLOCK:-BLOCK:BLOCK]
        crossed = windows(planes, np.logical_or) & ~windows(planes, np.logical_and)
        blocks, out = np.moveaxis(active, axis, 0), np.moveaxis(found, axis, 0)
        out[1:] |= crossed & blocks[:-1]
        out[:-1] |= crossed & blocks[1:]
    return found


def windows(planes: Bool[np.ndarray, "K X Y"], combine: np.ufunc) -> Bool[np.ndarray, "K L M"]:
    """Any or all over the nodes of each block's face, both edges included."""
    for axis in (1, 2):
        nodes = np.moveaxis(planes, axis, 1)
        body = combine.reduce(nodes[:, :-1].reshape(len(nodes), -1, BLOCK, nodes.shape[2]), axis=2)
        planes = np.moveaxis(combine(body, nodes[:, BLOCK::BLOCK]), 1, axis)
    return planes
