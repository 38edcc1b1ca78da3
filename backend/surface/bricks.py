# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface of a field at resolutions whose lattice is too large to hold: brick by brick.

Each brick of the lattice keeps the values of those of its nodes that were asked, nothing else. Bricks share the nodes
on their faces, and a surface that leaves a brick is followed into the next. Marching cubes runs on one brick at a time
(its choices at a face depend on that face alone); vertices on edges that bricks share are joined.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from ..geometry import TRUNCATION
from ..geometry.fields import Field
from ..geometry.occupancy import ask
from .lattice import BLOCK, candidates, nodes_of, windows
from .marching import march_cells
from .mesh import Mesh

SIDE = 8
"""Blocks along a brick."""
CELLS = SIDE * BLOCK

Place = tuple[int, int, int]
"""A brick by its place among bricks."""


class Bricks:
    """The lattice of a field at `resolution` cells along the box, known where the surface is."""

    def __init__(self, field: Field, resolution: int) -> None:
        """Asks the field. Raises ValueError unless the resolution is a whole number of bricks."""
        if resolution % CELLS:
            raise ValueError(f"resolution must be a multiple of {CELLS}, got {resolution}")
        self.field, self.resolution = field, resolution
        self.cell = 2 * field.extent / resolution
        self.active, self.inside = candidates(field, resolution // BLOCK)
        self.asked: dict[Place, tuple[np.ndarray, Float[np.ndarray, " M"]]] = {}
        count = resolution // CELLS
        fresh = {tuple(row) for row in np.argwhere(_any(self.active)).tolist()}
        done = np.zeros_like(self.active)
        while fresh:
            for place in sorted(fresh):
                self._ask(place, done)
            fresh = {tuple(row) for row in np.argwhere(_any(self.active & ~done)).tolist()}
        assert all(max(place) < count for place in self.asked)

    def values(self, place: Place) -> Float[np.ndarray, "N N N"]:
        """Distances on a brick's nodes; those never asked hold the truncation with their sign."""
        inside = self.inside[_blocks(place)]
        index = np.minimum(np.arange(CELLS + 1) // BLOCK, SIDE - 1)
        signs = np.where(inside, -np.float32(TRUNCATION), np.float32(TRUNCATION))
        values = signs[np.ix_(index, index, index)]
        if place in self.asked:
            bits, known = self.asked[place]
            values[_unpacked(bits)] = known
        return values

    def crossed(self) -> list[Place]:
        """Bricks through which the surface can pass, the cut along the box included."""
        shell = np.zeros_like(self.inside)
        for axis in range(3):
            np.moveaxis(shell, axis, 0)[[0, -1]] = True
        return [tuple(row) for row in np.argwhere(_any(self.active | (shell & self.inside))).tolist()]

    def _ask(self, place: Place, done: Bool[np.ndarray, "K K K"]) -> None:
        """Ask the nodes of a brick's new blocks, and make active what lies behind faces that the surface passes."""
        blocks = _blocks(place)
        active = self.active[blocks]
        before = self.asked.get(place)
        asked = np.zeros((CELLS + 1,) * 3, bool) if before is None else _unpacked(before[0])
        values = self.values(place)
        wanted = nodes_of(active & ~done[blocks]) & ~asked
        rows = np.nonzero(wanted)
        origin = np.array(place) * CELLS
        points = (np.stack(rows, 1) + origin).astype(np.float32) * np.float32(self.cell)
        points -= np.float32(self.field.extent)
        values[rows] = ask(self.field, torch.from_numpy(points).to(self.field.device)).cpu().numpy()
        asked |= wanted
        self.asked[place] = np.packbits(asked), values[asked]
        done[blocks] |= active
        negative = values < 0
        for axis in range(3):
            planes = np.moveaxis(negative, axis, 0)[::BLOCK]
            crossed = windows(planes, np.logical_or) & ~windows(planes, np.logical_and)
            own = np.moveaxis(active, axis, 0)
            for step, faces in ((1, crossed[1:] & own), (-1, crossed[:-1] & own)):
                local = np.argwhere(np.moveaxis(faces, 0, axis))
                behind = local + np.array(place) * SIDE
                behind[:, axis] += step
                behind = behind[(behind[:, axis] >= 0) & (behind[:, axis] < len(self.active))]
                self.active[tuple(behind.T)] = True


def extract_bricks(field: Field, resolution: int) -> Mesh:
    """Marching cubes with `resolution` cells along the box, a multiple of 32; closed half a cell inside the box.

    Memory grows with the surface: some 100 bytes for each of its cells. Raises ValueError where there is no surface.
    """
    bricks = Bricks(field, resolution)
    vertices, keys, faces, count = [], [], [], 0
    for place in bricks.crossed():
        values = bricks.values(place)
        _close(values, place, resolution // CELLS, bricks.cell)
        if values.min() >= 0 or values.max() < 0:
            continue
        local, triangles = march_cells(values, bricks.cell)
        shifted = local.astype(np.float64) + np.array(place) * CELLS
        vertices.append(shifted)
        keys.append(_edges(local, place, resolution, count))
        faces.append(triangles.astype(np.int64) + count)
        count += len(local)
    if not count:
        raise ValueError("the field has no surface")
    _, first, joined = np.unique(np.concatenate(keys), return_index=True, return_inverse=True)
    places = np.concatenate(vertices)[first] * bricks.cell - field.extent
    return Mesh(places.astype(np.float32), joined.reshape(-1)[np.concatenate(faces)].astype(np.int32))


def _edges(local: Float[np.ndarray, "V 3"], place: Place, resolution: int, count: int) -> Int[np.ndarray, " V"]:
    """A number for each vertex, equal for vertices of two bricks on one edge of the lattice."""
    nearest = np.round(local)
    away = np.abs(local - nearest)
    axis = away.argmax(1)
    low = np.where(np.arange(3) == axis[:, None], np.floor(local), nearest).astype(np.int64) + np.array(place) * CELLS
    side = resolution + 1
    keys = ((low[:, 0] * side + low[:, 1]) * side + low[:, 2]) * 3 + axis
    # A vertex within a cell has no other half.
    within = np.sort(away, axis=1)[:, 1] > 1e-4
    keys[within] = -1 - (count + np.flatnonzero(within))
    return keys


def _close(values: Float[np.ndarray, "N N N"], place: Place, bricks: int, cell: float) -> None:
    """Intersect with a box half a cell smaller than the field's, in place."""
    for axis in range(3):
        layers = np.moveaxis(values, axis, 0)
        for at, outer, inner in ((0, 0, 1), (bricks - 1, -1, -2)):
            if place[axis] == at:
                np.maximum(layers[outer], cell / 2, out=layers[outer])
                np.maximum(layers[inner], -cell / 2, out=layers[inner])


def _blocks(place: Place) -> tuple[slice, ...]:
    return tuple(slice(at * SIDE, (at + 1) * SIDE) for at in place)


def _any(blocks: Bool[np.ndarray, "K K K"]) -> Bool[np.ndarray, "B B B"]:
    """Bricks that hold one of the blocks."""
    side = len(blocks) // SIDE
    return blocks.reshape(side, SIDE, side, SIDE, side, SIDE).any((1, 3, 5))


def _unpacked(bits: np.ndarray) -> Bool[np.ndarray, "N N N"]:
    side = CELLS + 1
    return np.unpackbits(bits, count=side**3).astype(bool).reshape(side, side, side)
