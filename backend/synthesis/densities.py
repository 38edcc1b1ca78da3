# SPDX-License-Identifier: GPL-3.0-or-later
"""From a density to the distances that all later stages take: where it passes a threshold is the surface."""

import math
from collections.abc import Callable, Generator

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree
from torch import Tensor

from ..geometry import TRUNCATION
from .base import Progress
from .source import SourceError

CHUNK = 65536
"""Points asked at a time: between two of them a job can be cancelled."""
FLAT = 1.5
"""Cells from the surface up to which the distance is that to the tangent plane of the nearest crossing."""

Level = Callable[[Float[Tensor, "N 3"]], Float[Tensor, " N"]]
"""Density minus the threshold, at points of our box."""


def distances(
    level: Level, side: int, device: torch.device, stage: str, begin: float = 0.0, linear: bool = False
) -> Generator[Progress, None, Float[Tensor, "X Y Z"]]:
    """Truncated distances on side^3 nodes (side odd) over [-1, 1]^3 to where `level` is 0; negative where it is above.

    Every second node is asked, then the others wherever a cell near by is passed: thinner parts than two cells can be
    lost. `begin` is the part of the stage that is over; `linear` says that the level is a distance of sorts already.
    Raises SourceError where nothing is passed at all.
    """
    values = np.full((side,) * 3, np.nan, np.float32)
    every = np.zeros(values.shape, bool)
    every[::2, ::2, ::2] = True
    yield from _ask(level, values, every, device, stage, begin, (1 + begin) / 2)
    coarse = values[::2, ::2, ::2]
    wanted = np.repeat(np.repeat(np.repeat(_passed(coarse < 0), 2, 0), 2, 1), 2, 2)[:side, :side, :side]
    near = maximum_filter(wanted.astype(np.uint8), 3).astype(bool)
    yield from _ask(level, values, near & np.isnan(values), device, stage, (1 + begin) / 2, 0.99)
    whole = np.repeat(np.repeat(np.repeat(coarse, 2, 0), 2, 1), 2, 2)[:side, :side, :side]
    values = np.where(np.isnan(values), whole, values)
    if not (values > 0).any() or not (values < 0).any():
        raise SourceError("this model's density has no surface here", "Try another seed or portrait.")
    result = _to_distances(values, linear)
    yield Progress(stage, 1.0)
    return torch.from_numpy(result).to(device)


def _ask(
    level: Level,
    values: Float[np.ndarray, "X Y Z"],
    wanted: Bool[np.ndarray, "X Y Z"],
    device: torch.device,
    stage: str,
    begin: float,
    end: float,
) -> Generator[Progress, None, None]:
    rows = np.argwhere(wanted)
    step = 2 / (len(values) - 1)
    for first in range(0, len(rows), CHUNK):
        part = rows[first : first + CHUNK]
        points = torch.from_numpy((part * step - 1).astype(np.float32)).to(device)
        with torch.inference_mode():
            said = level(points).float().cpu().numpy()
        values[tuple(part.T)] = np.nan_to_num(said, nan=-1e3, posinf=1e6, neginf=-1e6)
        yield Progress(stage, begin + (end - begin) * min(1.0, (first + CHUNK) / len(rows)))


def _passed(outside: Bool[np.ndarray, "X Y Z"]) -> Bool[np.ndarray, "X Y Z"]:
    """Nodes with a neighbour of the other side."""
    solid = outside.astype(np.uint8)
    return maximum_filter(solid, 3) != 1 - maximum_filter(1 - solid, 3)


def _to_distances(values: Float[np.ndarray, "X Y Z"], linear: bool = False) -> Float[np.ndarray, "X Y Z"]:
    cell = 2 / (len(values) - 1)
    places, normals = _crossings(values, cell, linear)
    reach = math.ceil(TRUNCATION / cell) + 1
    band = maximum_filter(_passed(values < 0).astype(np.uint8), 2 * reach + 1).astype(bool)
    sign = np.where(values > 0, -1, 1).astype(np.float32)
    result = sign * np.float32(TRUNCATION)
    rows = np.argwhere(band)
    points = rows * cell - 1
    far, nearest = cKDTree(places).query(points, distance_upper_bound=TRUNCATION + 2 * cell)
    met = np.isfinite(far)
    rows, points, far, nearest = rows[met], points[met], far[met], nearest[met]
    plane = np.abs(np.einsum("ij,ij->i", points - places[nearest], normals[nearest]))
    away = np.where(far < FLAT * cell, plane, np.maximum(plane, far - 0.5 * cell))
    at = tuple(rows.T)
    result[at] = sign[at] * np.minimum(away, TRUNCATION)
    return result.astype(np.float32)


def _crossings(
    values: Float[np.ndarray, "X Y Z"], cell: float, linear: bool
) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3"]]:
    """Where edges of the lattice pass 0, box units, and the unit gradients there."""
    # Densities rise by orders of magnitude within a cell; their cube root has usable slopes and the same zero.
    slope = np.gradient(values if linear else np.cbrt(values))
    places, normals = [], []
    for axis in range(3):
        low, high = [slice(None)] * 3, [slice(None)] * 3
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        a, b = values[tuple(low)], values[tuple(high)]
        rows = np.argwhere((a > 0) != (b > 0))
        at = tuple(rows.T)
        share = a[at] / (a[at] - b[at])
        point = rows.astype(np.float64)
        point[:, axis] += share
        places.append(point * cell - 1)
        ahead = rows.copy()
        ahead[:, axis] += 1
        ends = [np.stack([each[tuple(end.T)] for each in slope], 1) for end in (rows, ahead)]
        normals.append(ends[0] * (1 - share[:, None]) + ends[1] * share[:, None])
    normal = np.concatenate(normals)
    return np.concatenate(places), normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
