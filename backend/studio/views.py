# SPDX-License-Identifier: GPL-3.0-or-later
"""Ray-cast views of a person: albedo with coverage, depth and normals, through layers of transparent cards."""

from dataclasses import dataclass

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from ..geometry.alignment import aligned_camera
from ..geometry.cameras import Camera
from .people import Part, Person

FLOOR = -1.0
"""The bust is cut flat here: what lies below is not seen."""
LAYERS = 8
SOLID = 0.5
"""Coverage above which a card counts as the surface."""
BOX = 0.995
"""Half edge of the box that a field can hold: a truth to compare fields with is cut to it."""


@dataclass(frozen=True, slots=True)
class Hits:
    """What rays saw; [M, ...] per ray."""

    rgb: np.ndarray
    """sRGB albedo [M, 3] float32, multiplied by coverage."""
    alpha: np.ndarray
    """Coverage [M]."""
    depth: np.ndarray
    """Distance along the ray to the first solid layer [M], infinite where there is none."""
    normal: np.ndarray
    """Unit normal of that layer [M, 3], towards the ray's start."""
    part: np.ndarray
    """Index of its part in the scene [M], -1 where there is none."""


class Scene:
    """A person ready to be looked at."""

    def __init__(self, parts: tuple[Part, ...], limit: float = np.inf) -> None:
        self.parts, self.limit = parts, limit
        """Half the side of a box that rays end in: what they meet after leaving it is not seen. Shoulders are wider
        than the box of a field, which shows them only where a ray enters it through them."""
        counts = [len(part.vertices) for part in parts]
        starts = np.cumsum([0, *counts[:-1]])
        self.vertices = np.concatenate([part.vertices for part in parts]).astype(np.float32)
        triangles = np.concatenate([part.triangles + start for part, start in zip(parts, starts, strict=True)])
        self.uv = np.concatenate([part.uv for part in parts]).astype(np.float32)
        self.part_of = np.concatenate([np.full(len(part.triangles), k) for k, part in enumerate(parts)])
        inside = (self.vertices[triangles][..., 1] > FLOOR - 0.4).any(1)
        self.triangles, self.uv, self.part_of = triangles[inside], self.uv[inside], self.part_of[inside]
        self.normals = vertex_normals(self.vertices, self.triangles)
        self._texels = np.concatenate([part.texture.reshape(-1, 4) for part in parts])
        shapes = np.array([part.texture.shape[:2] for part in parts])
        self._height, self._width = shapes.T
        self._first = np.cumsum([0, *shapes.prod(1)[:-1]])
        self._embree = EmbreeScene()
        TriangleMesh(self._embree, self.vertices[self.triangles])

    def first_hit(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, ...]:
        """Triangle (-1: none), distance and barycentric coordinates of the nearest triangle of each ray."""
        found = self._embree.run(
            np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32), output=True
        )
        triangle = found["primID"].astype(np.int64)
        weights = np.stack([1 - found["u"] - found["v"], found["u"], found["v"]], 1)
        return np.where(triangle < 0, -1, triangle), np.where(triangle < 0, np.inf, found["tfar"]), weights

    def surface_at(self, triangle: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Colour with coverage [N, 4] and unit normal [N, 3] at places on triangles."""
        uv = (self.uv[triangle] * weights[..., None]).sum(1)
        normal = (self.normals[self.triangles[triangle]] * weights[..., None]).sum(1)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        return self._look_up(self.part_of[triangle], uv), normal

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """Follow rays through transparent layers, front to back."""
        count = len(origins)
        rgb, normal = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
        clear = np.ones(count, np.float32)
        depth = np.full(count, np.inf, np.float32)
        part = np.full(count, -1, np.int16)
        start = np.zeros(count, np.float32)
        active = np.arange(count)
        end = _box_exit(origins, directions, self.limit)
        for _ in range(LAYERS):
            moved = origins[active] + directions[active] * start[active, None]
            triangle, distance, weights = self.first_hit(moved, directions[active])
            hit = triangle >= 0
            active, triangle, weights = active[hit], triangle[hit], weights[hit]
            if not len(active):
                break
            travelled = start[active] + distance[hit].astype(np.float32)
            colour, facing = self.surface_at(triangle, weights)
            height = origins[active, 1] + travelled * directions[active, 1]
            coverage = np.where((height < FLOOR) | (travelled > end[active]), 0, colour[:, 3])
            coverage = np.where(coverage > 0.95, 1, coverage)
            rgb[active] += (clear[active] * coverage)[:, None] * colour[:, :3]
            clear[active] *= 1 - coverage
            solid = (coverage > SOLID) & np.isinf(depth[active])
            first = active[solid]
            depth[first] = travelled[solid]
            away = (facing[solid] * directions[first]).sum(1, keepdims=True) > 0
            normal[first] = np.where(away, -facing[solid], facing[solid])
            part[first] = self.part_of[triangle[solid]]
            start[active] = travelled + 2e-4
            active = active[clear[active] > 0.02]
        return Hits(rgb, 1 - clear, depth, normal, part)

    def _look_up(self, part: np.ndarray, uv: np.ndarray) -> np.ndarray:
        """Bilinear texture colours [N, 4] in [0, 1]."""
        height, width, first = self._height[part], self._width[part], self._first[part]
        x = (uv[:, 0] % 1) * width - 0.5
        y = (1 - uv[:, 1] % 1) * height - 0.5
        left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
        right_share, low_share = (x - left)[:, None].astype(np.float32), (y - top)[:, None].astype(np.float32)

        def texel(column: np.ndarray, row: np.ndarray) -> np.ndarray:
            return self._texels[first + np.clip(row, 0, height - 1) * width + np.clip(column, 0, width - 1)]

        upper = texel(left, top) * (1 - right_share) + texel(left + 1, top) * right_share
        lower = texel(left, top + 1) * (1 - right_share) + texel(left + 1, top + 1) * right_share
        return (upper * (1 - low_share) + lower * low_share) / 255


@dataclass(frozen=True, slots=True)
class View:
    """One rendered picture."""

    rgb: np.ndarray
    """sRGB albedo [H, W, 3] float32, multiplied by coverage."""
    alpha: np.ndarray
    """Coverage [H, W]."""
    depth: np.ndarray
    """Distance along the ray [H, W], infinite on the background."""
    normal: np.ndarray
    """World normals [H, W, 3], zero on the background."""
    part: np.ndarray
    """Index of the part that is seen [H, W], -1 on the background."""


def render_view(scene: Scene, camera: Camera, size: int, samples: int = 1) -> View:
    """A square picture; `samples`² rays per pixel are averaged for colour and coverage."""
    rays = camera.rays(size * samples, size * samples)
    hits = scene.cast(rays.origins.numpy(), rays.directions.numpy())
    fine = lambda values: values.reshape(size, samples, size, samples, -1)  # noqa: E731
    middle = samples // 2
    return View(
        fine(hits.rgb).mean((1, 3)),
        fine(hits.alpha).mean((1, 3))[..., 0],
        fine(hits.depth)[:, middle, :, middle, 0],
        fine(hits.normal)[:, middle, :, middle],
        fine(hits.part)[:, middle, :, middle, 0],
    )


def _box_exit(origins: np.ndarray, directions: np.ndarray, limit: float) -> np.ndarray:
    """Distance [M] at which rays leave the box, below 0 if they never enter it; infinite for an infinite box."""
    if np.isinf(limit):
        return np.full(len(origins), np.inf, np.float32)
    inverse = 1 / np.where(np.abs(directions) < 1e-9, 1e-9, directions)
    low, high = (-limit - origins) * inverse, (limit - origins) * inverse
    first, last = np.minimum(low, high).max(1), np.maximum(low, high).min(1)
    return np.where(first < last, last, -1).astype(np.float32)


def portrait_camera(person: Person, azimuth: float, elevation: float, field_of_view: float = 0.35) -> Camera:
    """A camera whose picture is the aligned portrait square of this person's face."""
    landmarks = np.stack([person.right_eye, person.left_eye, person.mouth])
    return aligned_camera(landmarks, azimuth, elevation, field_of_view)


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals [V, 3]."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((len(vertices), 3), np.float64)
    for axis in range(3):
        for corner in range(3):
            normals[:, axis] += np.bincount(triangles[:, corner], face[:, axis], len(vertices))
    return (normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)).astype(np.float32)
