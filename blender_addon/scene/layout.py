# SPDX-License-Identifier: GPL-3.0-or-later
"""Where avatars stand: one beside what is there already, or a crowd in rows, rings, along a path, over a surface.

Pure numpy. Lengths are metres, Z is up; an avatar with heading 0 faces -Y, and headings turn counter-clockwise seen
from above, in radians. Every layout keeps `spacing` between any two places, measured horizontally.
"""

from dataclasses import dataclass

import numpy as np

STEP = 0.45
"""Metres between the places that are tried: a bust is 0.4 m wide at most."""
FOOTPRINT = np.array([[-0.2, -0.2, 0.0], [0.2, 0.2, 0.4]])
"""The room an avatar needs around its place: lowest and highest corner, metres."""
SURROUNDINGS = 4.0
"""What is larger than this, in metres, is a room or a landscape, which avatars stand in and not beside."""
TOUCH = 0.01
DARTS = 60
"""Places that are tried per wanted one before a surface counts as full; a random packing is near its limit by then."""
FINE = 40
"""Steps per spacing in which a path is walked."""


class LayoutError(ValueError):
    """A crowd that does not fit; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Places:
    """Where people stand and which way is forward there."""

    positions: np.ndarray
    """`[N, 3]`."""
    forward: np.ndarray
    """Unit vectors `[N, 2]`: along the row, the ring, the path; -Y where there is no such way."""


def free_place(wanted: np.ndarray, boxes: np.ndarray, step: float = STEP) -> np.ndarray:
    """The nearest place `[3]` to `wanted [3]`, in steps along X, where an avatar cuts none of the boxes `[N, 2, 3]`.

    A box is the lowest and the highest corner of an object, in the scene's axes. Steps go right, left, right again,
    ever farther, so a row of avatars grows around the first.
    """
    obstacles = boxes[(boxes[:, 1] - boxes[:, 0]).max(axis=1) <= SURROUNDINGS]
    # No obstacle blocks more places than fit into its own width and an avatar's.
    tries = 2 * int(np.ceil(((obstacles[:, 1, 0] - obstacles[:, 0, 0] + 0.4) / step + 1).sum())) + 1
    for count in range(tries):
        side = (count + 1) // 2 * (1 if count % 2 else -1)
        place = wanted + np.array([side * step, 0.0, 0.0])
        low, high = place + FOOTPRINT
        inside = (obstacles[:, 0] < high - TOUCH).all(axis=1) & (obstacles[:, 1] > low + TOUCH).all(axis=1)
        if not inside.any():
            return place
    raise AssertionError("an obstacle blocked more places than it is wide")


def grid(count: int, spacing: float, columns: int = 0) -> Places:
    """Rows along X around the origin, the first at the front (-Y); near a square unless `columns` is given.

    A last row that is not full stands in the middle.
    """
    columns = columns or int(np.ceil(np.sqrt(count)))
    number = np.arange(count)
    row, column = number // columns, number % columns
    rows = -(-count // columns)
    in_row = np.where(row == rows - 1, count - (rows - 1) * columns, columns)
    x = (column - (in_row - 1) / 2) * spacing
    y = (row - (rows - 1) / 2) * spacing
    return Places(np.column_stack([x, y, np.zeros(count)]), np.tile([0.0, -1.0], (count, 1)))


def circle(count: int, spacing: float, radius: float = 0.0, arc: float = 2 * np.pi) -> Places:
    """Rings around the origin, open towards -Y where `arc` is less than a turn.

    Without a radius one ring that holds all, at exactly `spacing` from neighbour to neighbour; with one, the innermost
    ring's, and as many rings outside it as are needed. `forward` runs along the ring.
    """
    if not radius and count > 1:
        radius = spacing / (2 * np.sin(np.pi / count))
        if arc < 2 * np.pi * (1 - 1 / count):  # both ends of an arc have a neighbour on one side only
            radius = spacing / (2 * np.sin(min(arc / (2 * (count - 1)), np.pi / 2)))
    angles, radii = [], []
    left = count
    while left:
        # A chord of `spacing` subtends this angle; where the ring is narrower than that, one person has it alone.
        chord = 2 * np.arcsin(spacing / (2 * radius)) if 2 * radius >= spacing * (1 - 1e-12) else 2 * np.pi
        open_arc = min(arc, 2 * np.pi - chord)
        here = min(int(open_arc / chord + 1e-9) + 1, left)
        turn = (np.arange(here) - (here - 1) / 2) * (open_arc / max(here - 1, 1))
        if arc > 2 * np.pi - 1e-9:
            turn = (np.arange(here) - (here - 1) / 2) * (arc / here)
        angles.append(turn + np.pi / 2)
        radii.append(np.full(here, radius))
        left -= here
        radius += spacing
    angle, ring = np.concatenate(angles), np.concatenate(radii)
    positions = np.column_stack([ring * np.cos(angle), ring * np.sin(angle), np.zeros(count)])
    return Places(positions, np.column_stack([-np.sin(angle), np.cos(angle)]))


def along(path: np.ndarray, count: int, spacing: float, rows: int = 1) -> Places:
    """Evenly along a polyline `[K, 3]`, in `rows` side by side; `forward` is the path's direction.

    Where bends or crossings would bring two closer than `spacing`, the later one moves on along the path. Raises
    LayoutError.
    """
    path, _ = _without_repeats(path)
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    total = float(lengths.sum())
    if len(path) < 2 or not total:
        raise LayoutError("the path has no length", "Choose a curve with at least two points.")
    ranks = -(-count // rows)
    fine = np.linspace(0, total, int(np.ceil(total / spacing * FINE)) + 1)
    where, way = _on_path(path, lengths, fine)
    side = np.column_stack([-way[:, 1], way[:, 0]])
    offsets = (np.arange(rows) - (rows - 1) / 2) * spacing
    even = total / (ranks - 1) if ranks > 1 else total + 1
    # Evenly first; where that comes too close somewhere, as dense as may be.
    for step in (max(even - 1e-9 * total, spacing), spacing):
        near = _Near(spacing)
        chosen: list[int] = []
        due = 0.0
        for index, arc in enumerate(fine):
            if len(chosen) == ranks:
                break
            if arc < due - fine[1] / 2:
                continue
            rank = [where[index, :2] + side[index] * offset for offset in offsets]
            if all(near.is_free(each) for each in rank):
                for each in rank:
                    near.add(each)
                chosen.append(index)
                due = arc + (spacing if step == spacing else step - (arc - due))
        if len(chosen) == ranks:
            break
    if len(chosen) < ranks:
        raise LayoutError(
            f"the path has room for {len(chosen) * rows} people {spacing:g} m apart, not for {count}",
            "Ask for fewer people, less spacing, more rows or a longer path.",
        )
    rows_of = np.repeat(np.array(chosen), rows)[:count]
    shift = np.tile(offsets, ranks)[:count, None]
    positions = where[rows_of].copy()
    positions[:, :2] += side[rows_of] * shift
    return Places(positions, way[rows_of])


def scatter(
    triangles: np.ndarray, count: int, spacing: float, random: np.random.Generator, max_slope: float = np.pi / 4
) -> Places:
    """At random over triangles `[F, 3, 3]` that face upwards within `max_slope`, evenly by area. Raises LayoutError."""
    a, b, c = np.moveaxis(triangles, 1, 0)
    normal = np.cross(b - a, c - a)
    doubled = np.linalg.norm(normal, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = normal[:, 2] / doubled >= np.cos(max_slope)
    weights = np.where(level, doubled, 0.0)
    if not weights.sum():
        raise LayoutError(
            f"the surface has no face that looks upwards within {np.degrees(max_slope):g} degrees",
            "Turn its normals outward, or allow a larger max_slope.",
        )
    near = _Near(spacing)
    kept: list[np.ndarray] = []
    tried = 0
    while len(kept) < count and tried < DARTS * count + 1000:
        batch = max(2 * (count - len(kept)), 64)
        tried += batch
        face = random.choice(len(triangles), batch, p=weights / weights.sum())
        r, s = random.random((2, batch, 1))
        # The square root spreads points evenly over the triangle (Osada et al. 2002, eq. 1).
        root = np.sqrt(r)
        darts = (1 - root) * a[face] + root * (1 - s) * b[face] + root * s * c[face]
        for dart in darts:
            if near.is_free(dart[:2]):
                near.add(dart[:2])
                kept.append(dart)
                if len(kept) == count:
                    break
    if len(kept) < count:
        raise LayoutError(
            f"the surface has room for about {len(kept)} people {spacing:g} m apart, not for {count}",
            "Ask for fewer people, less spacing or a larger surface.",
        )
    return Places(np.array(kept), np.tile([0.0, -1.0], (count, 1)))


def at_points(points: np.ndarray, spacing: float) -> Places:
    """The given places `[N, 3]`. Raises LayoutError where two are closer than `spacing`."""
    near = _Near(spacing)
    for number, point in enumerate(points):
        other = near.closest(point[:2])
        if other is not None:
            raise LayoutError(
                f"points {other} and {number} are {np.linalg.norm(points[other, :2] - point[:2]):.2f} m apart,"
                f" closer than {spacing:g}",
                "Move one of them, or ask for less spacing.",
            )
        near.add(point[:2])
    return Places(np.asarray(points, dtype=float), np.tile([0.0, -1.0], (len(points), 1)))


def shifted(places: Places, distance: float, random: np.random.Generator) -> Places:
    """Each place moved horizontally by up to `distance`, evenly over that disc."""
    count = len(places.positions)
    angle, reach = random.random((2, count))
    moved = places.positions.copy()
    moved[:, 0] += distance * np.sqrt(reach) * np.cos(2 * np.pi * angle)
    moved[:, 1] += distance * np.sqrt(reach) * np.sin(2 * np.pi * angle)
    return Places(moved, places.forward)


def heading(directions: np.ndarray) -> np.ndarray:
    """The headings `[N]` of people who look along `directions [N, 2]`; 0 is -Y."""
    return np.arctan2(directions[:, 0], -directions[:, 1])


def least_distance(positions: np.ndarray) -> float:
    """The smallest horizontal distance between two of `[N, 3]`; infinite for fewer than two. By sorted sweeps."""
    flat = positions[np.argsort(positions[:, 0], kind="stable"), :2]
    best, step = np.inf, 1
    while step < len(flat):
        offset = flat[step:] - flat[:-step]
        best = min(best, float(np.linalg.norm(offset, axis=1).min()))
        if offset[:, 0].min() >= best:  # pairs farther apart in the order are farther apart in X
            break
        step += 1
    return best


def different_neighbours(
    positions: np.ndarray, quotas: np.ndarray, reach: float, random: np.random.Generator
) -> np.ndarray:
    """Who stands where, `[N]`: number p of `quotas [P]` times, and where it can be, not beside himself.

    One after the other takes, of those who do not stand within `reach` already, one of those with most left to place.
    """
    left = quotas.astype(np.int64).copy()
    taken = np.empty(len(positions), dtype=np.int64)
    near = _Near(reach)
    for number, point in enumerate(positions):
        beside = {int(taken[other]) for other in near.within(point[:2])}
        order = np.lexsort((random.random(len(left)), -left))
        free = [person for person in order if left[person] and int(person) not in beside]
        chosen = int(free[0] if free else order[0])
        taken[number] = chosen
        left[chosen] -= 1
        near.add(point[:2])
    return taken


def chained(edges: np.ndarray) -> np.ndarray:
    """The vertices of the longest chain of edges `[E, 2]`, in order; a closed one returns to its first."""
    beside: dict[int, list[int]] = {}
    for a, b in edges.tolist():
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    best: list[int] = []
    seen: set[int] = set()
    # Open chains from their ends first; what is left then are closed ones.
    for start in sorted(beside, key=lambda each: (len(beside[each]) != 1, each)):
        if start in seen:
            continue
        chain = [start]
        seen.add(start)
        while further := [each for each in beside[chain[-1]] if each not in seen]:
            chain.append(further[0])
            seen.add(further[0])
        if len(chain) > 2 and chain[0] in beside[chain[-1]]:
            chain.append(chain[0])
        best = max(best, chain, key=len)
    return np.array(best, dtype=np.int64)


def shares(weights: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers `[P]` that add up to `count` and are as near as can be to the weights' shares (Hamilton)."""
    exact = weights / weights.sum() * count
    whole = np.floor(exact).astype(np.int64)
    largest = np.argsort(-(exact - whole), kind="stable")[: count - int(whole.sum())]
    whole[largest] += 1
    return whole


class _Near:
    """Points in square cells as wide as the distance that is asked for."""

    def __init__(self, distance: float) -> None:
        self._distance = distance
        self._cells: dict[tuple[int, int], list[tuple[float, float, int]]] = {}
        self._count = 0

    def add(self, point: np.ndarray) -> None:
        x, y = float(point[0]), float(point[1])
        self._cells.setdefault(self._cell(x, y), []).append((x, y, self._count))
        self._count += 1

    def within(self, point: np.ndarray) -> list[int]:
        """Numbers of the points closer than the distance."""
        x, y = float(point[0]), float(point[1])
        column, row = self._cell(x, y)
        # A hair less than the distance: places exactly that far apart are meant to be.
        limit = (self._distance * (1 - 1e-6)) ** 2
        return [
            number
            for i in (column - 1, column, column + 1)
            for j in (row - 1, row, row + 1)
            for u, v, number in self._cells.get((i, j), ())
            if (u - x) ** 2 + (v - y) ** 2 < limit
        ]

    def closest(self, point: np.ndarray) -> int | None:
        """The first of them, or None."""
        return min(self.within(point), default=None)

    def is_free(self, point: np.ndarray) -> bool:
        return not self.within(point)

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        return int(np.floor(x / self._distance)), int(np.floor(y / self._distance))


def _without_repeats(path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = np.concatenate([[True], np.linalg.norm(np.diff(path, axis=0), axis=1) > 0])
    return path[kept], kept


def _on_path(path: np.ndarray, lengths: np.ndarray, arcs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points `[N, 3]` and horizontal directions `[N, 2]` at arc lengths `[N]`."""
    ends = np.cumsum(lengths)
    segment = np.minimum(np.searchsorted(ends, arcs), len(lengths) - 1)
    share = (arcs - (ends[segment] - lengths[segment])) / lengths[segment]
    points = path[segment] + (path[segment + 1] - path[segment]) * share[:, None]
    flat = (path[segment + 1] - path[segment])[:, :2]
    size = np.linalg.norm(flat, axis=1, keepdims=True)
    return points, np.where(size > 0, flat / np.maximum(size, 1e-12), [0.0, -1.0])
