# SPDX-License-Identifier: GPL-3.0-or-later
"""The visual hull of masked pictures as point samples: a first shape where only pictures are known.

What some picture shows as background is carved away (Laurentini 1994); the rest holds the subject. Its distances and
mean colours start a fit that pictures then finish: rendered rays move a surface that is near, but find none in nothing.
"""

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates
from torch.nn import functional

from ...geometry import TRUNCATION
from ..views import ViewSet
from .errors import SourceError

SIDE = 112
"""Cells of the carved grid along the box."""
LEAST_VIEWS = 2
"""A cell that fewer pictures show is taken for empty."""
LEAST_SHARE = 1e-4
"""Of the box; a smaller hull is what is left by cameras that are wrong."""
FACING = 0.3
"""Cosine above which a picture colours a point."""


def visual_hull(views: ViewSet, side: int) -> Bool[np.ndarray, "G G G"]:
    """Cells [x, y, z] of the box that no picture shows as background."""
    axis = (torch.arange(side) + 0.5) * (2 / side) - 1
    cells = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    height, width = views.alpha.shape[1:]
    left, seen = torch.arange(len(cells)), torch.zeros(len(cells), dtype=torch.int32)
    for index in range(len(views)):
        # One pixel of grace: where outlines of two pictures disagree a little, thin parts would vanish.
        mask = functional.max_pool2d(views.alpha[index][None, None], 3, stride=1, padding=1)[0, 0]
        place, depth = views.cameras[index].project(cells[left])
        column, row = (place * torch.tensor([width, height])).floor().long().unbind(-1)
        shown = (depth > 0) & (column >= 0) & (column < width) & (row >= 0) & (row < height)
        seen[left] += shown
        background = torch.zeros_like(shown)
        background[shown] = mask[row[shown], column[shown]] <= 0.5
        left = left[~background]
    hull = torch.zeros(len(cells), dtype=torch.bool)
    hull[left] = seen[left] >= min(LEAST_VIEWS, len(views))
    return hull.reshape(side, side, side).numpy()


def hull_samples(
    views: ViewSet, random: np.random.Generator, near: int = 28_000, spread: int = 20_000, surface: int = 24_000
) -> dict[str, np.ndarray]:
    """points, sdf, surface and colour of the hull, as `studio.dataset.person_sample` has them of a person.

    Raises SourceError where the pictures leave nothing.
    """
    hull = visual_hull(views, SIDE)
    if hull.mean() < LEAST_SHARE:
        raise SourceError(
            "pictures and cameras contradict each other: hardly anything in the box is covered in all of them",
            "Check the masks (white is the subject), the camera matrices and --centre and --radius.",
        )
    side = len(hull)
    padded = np.pad(hull, 1)  # beyond the box there is nothing
    outside, inside = distance_transform_edt(~padded), distance_transform_edt(padded)
    distance = np.where(padded, 0.5 - inside, outside - 0.5)
    distance = gaussian_filter(distance, 1.0).astype(np.float32) * (2 / side)

    def at(points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
        cells = (points + 1) * (side / 2) + 0.5
        return map_coordinates(distance, cells.T, order=1, mode="nearest")

    shell = np.argwhere(np.abs(distance[1:-1, 1:-1, 1:-1]) < 3 / side)
    centre = (shell[random.integers(0, len(shell), surface)] + random.random((surface, 3))) * (2 / side) - 1
    normal = _slopes(at, centre)
    on_surface = (centre - at(centre)[:, None] * normal).clip(-1, 1)
    widths = np.where(random.random((near, 1)) < 0.6, 0.015, 0.05)
    beside = on_surface[random.integers(0, surface, near)] + random.normal(0, 1, (near, 3)) * widths
    points = np.concatenate([beside, random.uniform(-1, 1, (spread, 3))]).clip(-1, 1)
    return {
        "points": points.astype(np.float16),
        "sdf": at(points).clip(-TRUNCATION, TRUNCATION).astype(np.float16),
        "surface": on_surface.astype(np.float16),
        "colour": mean_colours(views, on_surface, normal),
    }


def mean_colours(views: ViewSet, points: Float[np.ndarray, "N 3"], normals: Float[np.ndarray, "N 3"]) -> np.ndarray:
    """sRGB bytes [N, 3]: the mean over pictures that a point faces, the more the better; hidden or not."""
    place = torch.from_numpy(points).float()
    facing = torch.from_numpy(normals).float()
    total, weight = torch.zeros(len(points), 3), torch.full((len(points), 1), 1e-6)
    for index in range(len(views)):
        camera = views.cameras[index]
        towards = functional.normalize(camera.cam_to_world[:3, 3] - place, dim=-1)
        image, depth = camera.project(place)
        looked_up = functional.grid_sample(
            torch.cat([views.rgb[index], views.alpha[index][..., None]], -1).permute(2, 0, 1)[None],
            (image * 2 - 1)[None, None], align_corners=False,
        )[0, :, 0].T  # fmt: skip
        share = ((towards * facing).sum(-1) - FACING).clamp_min(0) * (depth > 0) * looked_up[:, 3].clamp(0, 1) ** 4
        total += share[:, None] * looked_up[:, :3]
        weight += share[:, None]
    return ((total / weight).clamp(0, 1).numpy() * 255 + 0.5).astype(np.uint8)


def _slopes(at: object, points: Float[np.ndarray, "N 3"], step: float = 0.02) -> Float[np.ndarray, "N 3"]:
    offsets = step * np.eye(3)
    slopes = np.stack([at(points + offset) - at(points - offset) for offset in offsets], 1)  # type: ignore[operator]
    return slopes / np.maximum(np.linalg.norm(slopes, axis=1, keepdims=True), 1e-9)
