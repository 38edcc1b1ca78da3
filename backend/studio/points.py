# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed distance and colour samples of a person, solid down to the body.

Cards of hair and shells of cloth have no inside, so distance is measured to the triangles that are visible from
outside, and a point counts as outside only where it can be seen: gaps between cloth, hair and skin fill up.
"""

from dataclasses import dataclass
from typing import Protocol

import igl
import numpy as np
import torch

from ..geometry import TRUNCATION
from ..geometry.cameras import look_at
from .people import Part, Person
from .views import FLOOR, Scene

VIEWS = 36
VIEW_SIZE = 224
VIEW_EXTENT = 1.5
"""Half the width of the orthographic views: the box seen along its diagonal."""
CARD_EDGE = 0.014
"""Cards are split to triangles this small before transparent ones are dropped."""
CARD_THICKNESS = 0.008
"""Half thickness of a card that is seen from both sides."""
NEAR = 0.025
"""Below this distance the side of the surface decides, beyond it visibility does."""
CLEARANCE = 0.006
SKIN_PARTS = ("body", "eyes", "teeth", "tongue")


@dataclass(frozen=True, slots=True)
class PointSamples:
    """Supervision of a field; everything in box units and sRGB."""

    points: np.ndarray
    """[N, 3] float16: half near the surface, half all over the box."""
    sdf: np.ndarray
    """[N] float16, truncated at `geometry.TRUNCATION`, negative inside."""
    surface: np.ndarray
    """[M, 3] float16 on the visible surface."""
    colour: np.ndarray
    """[M, 3] uint8 sRGB albedo at `surface`."""


class Dressed(Protocol):
    """A person, or anything else made of textured parts."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """In box units."""


class VisibleSurface:
    """The part of a person that can be seen from outside, with signed distances to it."""

    def __init__(self, person: Dressed) -> None:
        solid = [_cut_out(part) if (part.texture[..., 3] < 250).any() else part
                 for part in person.parts if part.name not in ("brows", "lashes")]  # fmt: skip
        scene = Scene((*solid, _floor()))
        floor = len(solid)
        front, back = np.zeros(len(scene.triangles), np.int64), np.zeros(len(scene.triangles), np.int64)
        self._views, clouds, sources = [], [], []
        for transform in _view_transforms():
            origins, directions = _orthographic_rays(transform)
            triangle, depth, weights = scene.first_hit(origins, directions)
            hit = triangle >= 0
            _, normal = scene.surface_at(triangle[hit], weights[hit])
            behind = (normal * directions[hit]).sum(1) > 0
            front += np.bincount(triangle[hit][~behind], minlength=len(front))
            back += np.bincount(triangle[hit][behind], minlength=len(back))
            self._views.append((transform, depth.reshape(VIEW_SIZE, VIEW_SIZE)))
            person_hit = hit & (scene.part_of[triangle] != floor)
            clouds.append((origins + directions * depth[:, None])[person_hit])
            sources.append(np.concatenate([origins[person_hit], directions[person_hit]], 1))
        self.cloud = np.concatenate(clouds).astype(np.float32)
        self.sources = np.concatenate(sources).astype(np.float32)
        names = np.array([*(part.name for part in solid), "floor"])
        seen = front + back
        self._ids = np.flatnonzero((seen > 0) & (scene.part_of != floor))
        skin = np.isin(names[scene.part_of], SKIN_PARTS)[self._ids]
        self._card = np.isin(names[scene.part_of], ("hair",))[self._ids]
        self._flipped = (back > front)[self._ids] & ~skin
        both = (np.minimum(front, back) > 0.25 * seen) & (seen > 4)
        self._two_sided = both[self._ids] & ~skin
        self._scene = scene
        self._vertices = scene.vertices.astype(np.float64)
        self._triangles = np.ascontiguousarray(scene.triangles[self._ids], np.int64)

    def sdf(self, points: np.ndarray) -> np.ndarray:
        """Signed distance [N] at points [N, 3], closed by the floor of the bust and by the box."""
        squared, nearest, closest = igl.point_mesh_squared_distance(
            points.astype(np.float64), self._vertices, self._triangles
        )
        distance = np.sqrt(squared)
        normal = self._normal(nearest, closest)
        side = ((points - closest) * normal).sum(1) * np.where(self._flipped[nearest], -1, 1)
        visible = self._clearance(points) > CLEARANCE
        near = distance < NEAR
        outside = np.where(near, (side > 0) | (visible & self._card[nearest]), visible)
        signed = np.where(outside, distance, -distance)
        sheet = near & self._two_sided[nearest]
        thick = np.where(visible | (distance < 0.01), distance - CARD_THICKNESS, -distance)
        signed = np.where(sheet, thick, signed)
        walls = np.maximum(np.abs(points).max(1) - 0.995, FLOOR + 0.005 - points[:, 1])
        return np.maximum(signed, walls).astype(np.float32)

    def _normal(self, nearest: np.ndarray, closest: np.ndarray) -> np.ndarray:
        corners = self._vertices[self._triangles[nearest]]
        weights = igl.barycentric_coordinates(closest, *(np.ascontiguousarray(corners[:, k]) for k in range(3)))
        vertex = self._scene.normals[self._scene.triangles[self._ids[nearest]]]
        return (vertex * weights[..., None]).sum(1)

    def _clearance(self, points: np.ndarray) -> np.ndarray:
        """By how much the second best view sees past each point: one view alone is fooled at silhouettes."""
        best = np.full(len(points), -9.0, np.float32)
        second = best.copy()
        for transform, depth in self._views:
            local = (points - transform[:3, 3]) @ transform[:3, :3]
            at = ((local[:, :2] / VIEW_EXTENT + 1) / 2 * VIEW_SIZE).astype(np.int32).clip(0, VIEW_SIZE - 1)
            room = (np.minimum(depth[at[:, 1], at[:, 0]], 9) - local[:, 2]).astype(np.float32)
            second = np.maximum(second, np.minimum(best, room))
            best = np.maximum(best, room)
        return second


def sample_person(person: Person, near: int = 28_000, spread: int = 20_000, surface: int = 24_000) -> PointSamples:
    """Points with distances and colours; the person's own seed decides which."""
    random = np.random.default_rng([person.parameters.seed, 1])
    return sample_dressed(person, random, near, spread, surface)


def sample_dressed(
    person: Dressed, random: np.random.Generator, near: int = 28_000, spread: int = 20_000, surface: int = 24_000
) -> PointSamples:
    """Points with distances and colours of anything that is made of parts and stands in the box."""
    visible = VisibleSurface(person)
    inside = (visible.cloud[:, 1] > FLOOR) & (np.abs(visible.cloud).max(1) < 1)
    cloud, sources = visible.cloud[inside], visible.sources[inside]
    widths = np.where(random.random((near, 1)) < 0.6, 0.008, 0.04)
    beside = cloud[random.integers(0, len(cloud), near)] + random.normal(0, 1, (near, 3)) * widths
    points = np.concatenate([beside, random.uniform(-1, 1, (spread, 3))]).clip(-1, 1).astype(np.float16)
    sdf = visible.sdf(points.astype(np.float32)).clip(-TRUNCATION, TRUNCATION).astype(np.float16)
    chosen = sources[random.integers(0, len(sources), surface + surface // 4)]
    hits = Scene(person.parts).cast(chosen[:, :3], chosen[:, 3:])
    good = np.flatnonzero((hits.alpha > 0.98) & np.isfinite(hits.depth))[:surface]
    on_surface = chosen[good, :3] + chosen[good, 3:] * hits.depth[good, None]
    colour = (hits.rgb[good] / hits.alpha[good, None]).clip(0, 1)
    return PointSamples(points, sdf, on_surface.astype(np.float16), (colour * 255 + 0.5).astype(np.uint8))


def _view_transforms() -> list[np.ndarray]:
    """Camera-to-world transforms around the bust, few of them from below (golden spiral)."""
    index = np.arange(VIEWS) + 0.5
    height = 1 - index / VIEWS * 1.55
    turn = index * np.pi * (3 - 5**0.5)
    ring = np.sqrt(np.maximum(1 - height**2, 1e-4))
    eyes = torch.from_numpy(4 * np.stack([ring * np.sin(turn), height, ring * np.cos(turn)], 1)).float()
    return list(look_at(eyes, torch.zeros(3)).numpy())


def _orthographic_rays(transform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    line = ((np.arange(VIEW_SIZE) + 0.5) / VIEW_SIZE * 2 - 1) * VIEW_EXTENT
    x, y = np.meshgrid(line, line)
    origins = transform[:3, 3] + x.reshape(-1, 1) * transform[:3, 0] + y.reshape(-1, 1) * transform[:3, 1]
    directions = np.broadcast_to(transform[:3, 2], origins.shape)
    return origins.astype(np.float32), directions.astype(np.float32)


def _floor() -> Part:
    """A plate just under the bust, or every low view looks into the hollow trunk."""
    corners = np.array([[-9, -9], [9, -9], [9, 9], [-9, 9]], np.float32)
    vertices = np.stack([corners[:, 0], np.full(4, FLOOR - 0.02), corners[:, 1]], 1).astype(np.float32)
    white = np.full((1, 1, 4), 255, np.uint8)
    return Part("floor", vertices, np.array([[0, 1, 2], [0, 2, 3]]), np.zeros((2, 3, 2), np.float32), white)


def _cut_out(part: Part, levels: int = 4) -> Part:
    """A card without its transparent area, so that no ray needs to look at coverage."""
    corners, uv = part.vertices[part.triangles], part.uv
    done = []
    for level in range(levels + 1):
        longest = np.linalg.norm(corners - np.roll(corners, -1, 1), axis=2).max(1)
        split = (longest > CARD_EDGE) & (level < levels)
        done.append((corners[~split], uv[~split]))
        corners, uv = _quarter(corners[split]), _quarter(uv[split])
    corners, uv = (np.concatenate(pieces) for pieces in zip(*done, strict=True))
    centre = uv.mean(1) % 1
    height, width = part.texture.shape[:2]
    row = ((1 - centre[:, 1]) * height).astype(int).clip(0, height - 1)
    column = (centre[:, 0] * width).astype(int).clip(0, width - 1)
    kept = part.texture[row, column, 3] > 127
    vertices = corners[kept].reshape(-1, 3)
    return Part(part.name, vertices, np.arange(len(vertices)).reshape(-1, 3), uv[kept], part.texture)


def _quarter(corners: np.ndarray) -> np.ndarray:
    """Each triangle [F, 3, D] as four."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    return np.concatenate([np.stack(triangle, 1) for triangle in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
