# SPDX-License-Identifier: GPL-3.0-or-later
"""The distances of a field on a regular lattice, asked for only where the surface is, and kept only there.

The occupancy map leaves some blocks of 4^3 cells; a test at each block's centre leaves fewer; one at the centre of each
of its 2^3 cells fewer still. The nodes of those are asked. Wherever the surface then leaves through a face of what was
asked, the neighbour is asked too, so a connected surface is never torn, whatever the bounds were worth.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Int

from ..geometry.fields import Field
from ..geometry.occupancy import SAFETY, TRUSTED, Occupancy, ask, occupancy
from .flood import MASKS, SIDE, activate, begin, collect, near_blocks, spread, store, want

AT_ONCE = 60_000
"""Children whose nodes are asked together."""
SAMPLES, STEEP = 1500, 0.98
"""Blocks from which it is learnt how steep the field is, and the share of slopes that the bound covers."""


class Blocks:
    """A field's lattice with `resolution` cells along the box, closed half a cell inside it."""

    def __init__(self, field: Field, resolution: int) -> None:
        """Asks the field. Raises ValueError unless the resolution is a whole number of blocks."""
        if resolution % SIDE or resolution < SIDE:
            raise ValueError(f"resolution must be a multiple of {SIDE}, got {resolution}")
        self.field, self.resolution = field, resolution
        self.cell = 2 * field.extent / resolution
        blocks = resolution // SIDE
        self.slots = np.full((blocks + 1,) * 3, -1, np.int32)
        """Number of each block whose nodes were asked, -1 for the others."""
        self.active = np.zeros((blocks,) * 3, np.uint8)
        """Children that may hold the surface, by bits."""
        self.values = np.empty((0, SIDE**3), np.float32)
        """Distances by slot; meaningless where a node was not asked."""
        self.asked = np.zeros(0, np.uint64)
        """Nodes that were asked, by slot and bit."""
        self.places = np.empty((0, 3), np.int32)
        """Where the blocks lie, by slot."""
        self.count = 0
        wanted = np.zeros(0, np.uint64)
        fresh = self._candidates()
        while len(fresh):
            behind = []
            for start in range(0, len(fresh), AT_ONCE):
                children = fresh[start : start + AT_ONCE]
                self._grow(activate(self.slots, children, self.count))
                if len(wanted) < len(self.asked):
                    wanted = np.zeros(len(self.asked), np.uint64)
                self._ask(children, wanted)
                behind.append(spread(self.slots, children, self.values, self.active))
            fresh = np.concatenate(behind)

    def points(self, nodes: Int[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        """Where nodes lie in the box."""
        return nodes.astype(np.float32) * np.float32(self.cell) - np.float32(self.field.extent)

    def _ask(self, children: Int[np.ndarray, " N"], wanted: Int[np.ndarray, " S"]) -> None:
        count = want(self.slots, children, MASKS, self.asked, wanted)
        numbers, nodes = collect(self.slots, children, self.asked, wanted, count)
        store(self.values, numbers, nodes, self._sdf(nodes), self.resolution, np.float32(self.cell / 2))

    def _sdf(self, nodes: Int[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
        if not len(nodes):
            return np.zeros(0, np.float32)
        return ask(self.field, torch.from_numpy(self.points(nodes)).to(self.field.device)).cpu().numpy()

    def _grow(self, places: Int[np.ndarray, "N 3"]) -> None:
        """Room for new blocks."""
        count = self.count + len(places)
        if count > len(self.values):
            room = max(count, len(self.values) * 3 // 2)
            self.values = _enlarged(self.values, room)
            self.asked = _enlarged(self.asked, room)
            self.places = _enlarged(self.places, room)
        self.places[self.count : count] = places
        self.count = count

    def _candidates(self) -> Int[np.ndarray, " N"]:
        """Children that may hold the surface, or the cut along the box, by what the field says at centres."""
        grid = occupancy(self.field)
        rows = near_blocks(grid.near.cpu().numpy(), len(self.active))
        steepness = self._steepness(rows)
        half = math.sqrt(3) * self.cell * steepness
        if 2 * half < TRUSTED:
            rows = rows[np.abs(self._sdf(SIDE * rows + 2)) <= 2 * half]
        children = (2 * rows[:, None] + np.array(list(np.ndindex(2, 2, 2)), np.int32)).reshape(-1, 3)
        if half < TRUSTED:
            children = children[np.abs(self._sdf(2 * children + 1)) <= half]
        return begin(self.active, np.concatenate([children, self._shell(grid)]))

    def _shell(self, grid: Occupancy) -> Int[np.ndarray, "N 3"]:
        """Children along the box that lie within the body."""
        side = 2 * len(self.active)
        nearest = np.minimum(((np.arange(side) + 0.5) / side * len(grid.inside)).astype(int), len(grid.inside) - 1)
        inside = grid.inside.cpu().numpy()
        found = []
        for axis in range(3):
            for at in (0, side - 1):
                layer = np.take(inside, nearest[at], axis)[np.ix_(nearest, nearest)]
                found.append(np.insert(np.argwhere(layer), axis, at, 1))
        return np.concatenate(found).astype(np.int32)

    def _steepness(self, rows: Int[np.ndarray, "N 3"]) -> float:
        """How fast the field changes over the distances that bounds are about, from 1 to what the map allows for."""
        rows = rows[:: max(1, len(rows) // SAMPLES)]
        if not len(rows):
            return 1.0
        children = 2 * rows[:, None] + np.array(list(np.ndindex(2, 2, 2)), np.int32)
        centre = self._sdf(SIDE * rows + 2)[:, None]
        around = self._sdf(2 * children.reshape(-1, 3) + 1).reshape(-1, 8)
        # What the clamp has flattened says nothing.
        slopes = (np.abs(around - centre) / (math.sqrt(3) * self.cell))[np.abs(centre[:, 0]) < TRUSTED]
        return float(np.clip(np.quantile(slopes, STEEP) if slopes.size else 1.0, 1.0, SAFETY))


def _enlarged(values: np.ndarray, room: int) -> np.ndarray:
    out = np.zeros((room, *values.shape[1:]), values.dtype)
    out[: len(values)] = values
    return out
