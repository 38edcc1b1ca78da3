# SPDX-License-Identifier: GPL-3.0-or-later
"""What a crowd stands on: the height of a triangle mesh under many places at once. Pure numpy."""

from dataclasses import dataclass, field

import numpy as np

EDGE = 1e-9
"""How far outside a triangle, in barycentric coordinates, a place still counts as over it."""


@dataclass(frozen=True)
class Ground:
    """Triangles in the scene's metres, Z up."""

    triangles: np.ndarray
    """Corners `[F, 3, 3]`."""
    _cell: float = field(init=False)
    _origin: np.ndarray = field(init=False)
    _cells: np.ndarray = field(init=False)
    """Packed cell numbers, sorted, and beside them the triangle that reaches into each."""
    _members: np.ndarray = field(init=False)
    _width: int = field(init=False)

    def __post_init__(self) -> None:
        flat = self.triangles[..., :2]
        low, high = flat.min(axis=1), flat.max(axis=1)
        extent = max(float((flat.max(axis=(0, 1)) - flat.min(axis=(0, 1))).max()), 1e-6)
        # About as many cells as triangles, so that a place asks a handful of them.
        cell = extent / max(int(np.sqrt(len(flat))), 1)
        origin = flat.min(axis=(0, 1))
        first, last = ((each - origin) / cell for each in (low, high))
        first, last = first.astype(np.int64), last.astype(np.int64)
        sides = last - first + 1
        counts = sides.prod(axis=1)
        owner = np.repeat(np.arange(len(flat)), counts)
        step = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        column = first[owner, 0] + step % sides[owner, 0]
        row = first[owner, 1] + step // sides[owner, 0]
        width = int(last[:, 0].max()) + 1
        packed = row * width + column
        order = np.argsort(packed, kind="stable")
        for name, value in (
            ("_cell", cell),
            ("_origin", origin),
            ("_cells", packed[order]),
            ("_members", owner[order]),
            ("_width", width),
        ):
            object.__setattr__(self, name, value)

    def heights(self, places: np.ndarray, near: np.ndarray | None = None) -> np.ndarray:
        """Z of the surface at places `[N, 2]`, nan where there is none; of several floors the highest,

        or, where `near [N]` is given, the one nearest to that height.
        """
        cells = np.floor((places - self._origin) / self._cell).astype(np.int64)
        # The far border belongs to the last cell.
        packed = cells[:, 1] * self._width + cells[:, 0]
        packed[(cells < 0).any(axis=1) | (cells[:, 0] >= self._width)] = -1
        begin, end = np.searchsorted(self._cells, packed), np.searchsorted(self._cells, packed, "right")
        found = np.full(len(places), np.nan)
        asked = np.flatnonzero(end > begin)
        for turn in range(int((end - begin).max(initial=0))):
            asked = asked[begin[asked] + turn < end[asked]]
            level = self._height(self._members[begin[asked] + turn], places[asked])
            before = found[asked]
            if near is None:
                better = level > before
            else:
                better = np.abs(level - near[asked]) < np.abs(before - near[asked])
            found[asked] = np.where(~np.isnan(level) & (better | np.isnan(before)), level, before)
        return found

    def _height(self, rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Of triangle `rows [N]` at `places [N, 2]`; nan outside it."""
        a, b, c = np.moveaxis(self.triangles[rows], 1, 0)
        u, v, offset = (b - a)[:, :2], (c - a)[:, :2], places - a[:, :2]
        area = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            s = (offset[:, 0] * v[:, 1] - offset[:, 1] * v[:, 0]) / area
            t = (u[:, 0] * offset[:, 1] - u[:, 1] * offset[:, 0]) / area
            inside = (s >= -EDGE) & (t >= -EDGE) & (s + t <= 1 + EDGE) & (area != 0)
            return np.where(inside, a[:, 2] + s * (b - a)[:, 2] + t * (c - a)[:, 2], np.nan)


def stand(ground: Ground, positions: np.ndarray, radius: np.ndarray, rim: int = 8) -> np.ndarray:
    """Positions `[N, 3]` lowered or raised to stand on the ground, upright; nan where there is none under the middle.

    A flat base of this radius `[N]` touches with its lowest point: no rim floats over a slope, uphill it sinks in.
    """
    turns = np.arange(rim) * (2 * np.pi / rim)
    circle = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    middle = ground.heights(positions[:, :2], positions[:, 2])
    lowest = middle.copy()
    for offset in circle:
        # Beyond the ground's edge nothing can be touched.
        lowest = np.fmin(lowest, ground.heights(positions[:, :2] + radius[:, None] * offset, middle))
    lowest[np.isnan(middle)] = np.nan
    return np.column_stack([positions[:, :2], lowest])
