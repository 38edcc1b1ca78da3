# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh of polygons and corners as the backend takes heads: triangles, vertices split where values differ. Pure numpy.

Blender keeps texture coordinates at the corners of polygons, in as many layers as one likes, and each material has its
own picture. The backend takes one layer and one picture: several become one, tiled, with coordinates of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

MOST_SIDE = 4096
"""Of the tiled picture, and of a single one."""
BORDER = 2
"""Pixels around a tile that repeat its rim, for lookups between pixels."""
CLAY = (178, 178, 178)
"""sRGB of what no material says anything about."""


@dataclass(slots=True)
class Head:
    """What a JobRequest's arrays are made of; see `protocol.messages.JobRequest`."""

    vertices: np.ndarray
    faces: np.ndarray
    polygons: np.ndarray
    corners: np.ndarray
    """Which corner of the mesh each corner of a triangle is, int32 [F, 3]."""
    uv: np.ndarray | None = None
    image: np.ndarray | None = None
    image_uv: np.ndarray | None = None
    mask: np.ndarray | None = None
    weight: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    """Sentences about what was left out of account."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Those that there are, as a JobRequest has them."""
        names = ("vertices", "faces", "polygons", "uv", "image", "image_uv", "mask", "weight")
        found = {name: getattr(self, name) for name in names}
        return {name: np.ascontiguousarray(value) for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Colours:
    """What the polygons of one material show."""

    picture: np.ndarray
    """sRGB uint8 [H, W, 3], top row first."""
    uv: np.ndarray | None
    """Where in it the corners of each triangle lie, float32 [F, 3, 2]; None: the picture is one colour."""


def split(
    places: np.ndarray,
    corner_vertices: np.ndarray,
    triangles: np.ndarray,
    polygons: np.ndarray,
    uv: np.ndarray | None,
    image_uv: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> Head:
    """Triangles `[F, 3]` of corners as triangles of vertices that have one value each.

    `places` `[V, 3]` are by vertex, `uv` `[L, 2]` and `weight` `[L]` by corner, `image_uv` `[F, 3, 2]` by triangle.
    """
    corners = triangles.reshape(-1)
    keys = [corner_vertices[corners].astype(np.int64)[:, None]]
    values = [
        None if uv is None else uv[corners],
        None if image_uv is None else image_uv.reshape(-1, 2),
        None if weight is None else weight[corners][:, None],
    ]
    for each in values:
        if each is not None:
            # + 0.0 turns -0 into 0, whose bits would differ.
            keys.append(np.ascontiguousarray(each + np.float32(0), np.float32).view(np.int32).astype(np.int64))
    rows = np.ascontiguousarray(np.concatenate(keys, axis=1))
    packed = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).reshape(-1)
    _, first, numbers = np.unique(packed, return_index=True, return_inverse=True)
    vertex = corner_vertices[corners[first]]
    own, other, share = (None if each is None else np.ascontiguousarray(each[first], np.float32) for each in values)
    return Head(
        np.ascontiguousarray(places[vertex], np.float32),
        numbers.reshape(-1, 3).astype(np.int32),
        polygons.astype(np.int32),
        triangles.astype(np.int32),
        own,
        image_uv=other,
        weight=None if share is None else share[:, 0],
    )


def tiled(shown: Sequence[Colours], which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One picture of several, and coordinates `[F, 3, 2]` in it; triangle f shows the colours `which[f]`."""
    rows = int(np.ceil(np.sqrt(len(shown))))
    largest = max(max(each.picture.shape[:2]) for each in shown)
    inner = max(min(largest, MOST_SIDE // rows - 2 * BORDER), 1)
    side = inner + 2 * BORDER
    sheet = np.zeros((rows * side, rows * side, 3), np.uint8)
    out = np.full((len(which), 3, 2), 0.5, np.float32)
    for number, each in enumerate(shown):
        row, column = divmod(number, rows)
        tile = np.pad(shrunk(each.picture, inner, inner), ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="edge")
        sheet[row * side : (row + 1) * side, column * side : (column + 1) * side] = tile
        mine = which == number
        places = np.full((int(mine.sum()), 3, 2), 0.5, np.float32)
        if each.uv is not None:
            places = _in_tile(each.uv[mine])
        across = (column * side + BORDER + inner * places[..., 0]) / (rows * side)
        down = (row * side + BORDER + inner * (1 - places[..., 1])) / (rows * side)
        out[mine] = np.stack([across, 1 - down], axis=-1)
    return sheet, out


def corner_sheet(colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture and coordinates `[F, 3, 2]` that show colours given at the corners of triangles, uint8 `[F, 3, 3]`.

    Each triangle has a block of two pixels a side, its corners in the middles of three of them: between them the
    picture is as linear as the triangle.
    """
    count = len(colours)
    rows = max(int(np.ceil(np.sqrt(count))), 1)
    blocks = np.zeros((rows * rows, 2, 2, 3), np.int64)
    held = colours.astype(np.int64)
    blocks[:count, 0, 0], blocks[:count, 0, 1], blocks[:count, 1, 0] = held[:, 0], held[:, 1], held[:, 2]
    blocks[:count, 1, 1] = held[:, 1] + held[:, 2] - held[:, 0]
    sheet = blocks.clip(0, 255).astype(np.uint8).reshape(rows, rows, 2, 2, 3).transpose(0, 2, 1, 3, 4)
    row, column = np.divmod(np.arange(count), rows)
    middles = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5]])
    pixels = np.stack([column, row], axis=1)[:, None] * 2 + middles
    places = pixels / (2 * rows)
    places[..., 1] = 1 - places[..., 1]
    return np.ascontiguousarray(sheet.reshape(2 * rows, 2 * rows, 3)), places.astype(np.float32)


def shrunk(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture at another size: averages of pixels where it becomes smaller, the nearest where larger."""
    out = picture
    for axis, wanted in ((0, height), (1, width)):
        have = out.shape[axis]
        if wanted >= have:
            out = np.take(out, np.arange(wanted) * have // wanted, axis=axis)
            continue
        # Means over stretches of pixels, by differences of running sums.
        edges = np.linspace(0, have, wanted + 1)
        sums = np.concatenate([np.zeros_like(np.take(out, [0], axis), float), np.cumsum(out, axis, dtype=float)], axis)
        low = np.floor(edges).astype(int)
        shape = [1] * out.ndim
        shape[axis] = -1
        part = (edges - low).reshape(shape)
        at = np.take(sums, low, axis) * (1 - part) + np.take(sums, np.minimum(low + 1, have), axis) * part
        out = (np.diff(at, axis=axis) * wanted / have + 0.5).astype(np.uint8)
    return out


def _in_tile(places: np.ndarray) -> np.ndarray:
    """Coordinates of triangles moved by whole tiles into the unit square; what passes its border ends there."""
    finite = np.nan_to_num(places.astype(np.float64), posinf=0.0, neginf=0.0)
    middle = np.floor(finite.mean(axis=1, keepdims=True))
    return np.clip(finite - middle, 0, 1).astype(np.float32)
