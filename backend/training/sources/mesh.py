# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's mesh as what fitting takes: samples of distance and colour, and pictures cast from all around."""

import math
from pathlib import Path

import igl
import numpy as np
import torch
from jaxtyping import Float

from ...geometry import TRUNCATION
from ...geometry.cameras import Camera, orbit
from ...studio.people import Part
from ...studio.points import PointSamples, sample_dressed
from ...studio.views import Scene
from ...texture.preview import bilinear
from ..views import held_out_cameras, stack_cameras, studio_views, training_cameras
from .errors import SourceError
from .mesh_checks import Solid, close, opening, outer_faces
from .mesh_files import has_cutouts, read_parts
from .normalise import Placement, Source, Sphere, Up, from_bounds

TRAIN_VIEWS = 32
STEEP_VIEWS = 6
"""... and so many from high above, where crowns and hats are seen."""
NEAR, SPREAD, SURFACE = 80_000, 30_000, 60_000
"""Points near the surface, all over the box, and coloured ones: planes of 128² need more than the studio's of 64²."""
SAMPLES = 2
"""Rays along each side of a pixel."""


def read_mesh(
    path: Path, *, up: Up = "y", sphere: Sphere | None = None, shells: bool = False, view_size: int = 192, seed: int = 0
) -> Source:
    """A mesh file put into the box, with its samples and its pictures.

    With `shells`, or where texels are cut out as on cards of hair, whatever cannot be seen from outside is solid, as
    with the studio's people; otherwise the triangles must enclose a body, a bust's flat cut aside.
    """
    if not path.is_file():
        raise SourceError(f"{path} is not there", "Give a mesh file or a folder.")
    parts, notes = read_parts(path)
    cards = has_cutouts(parts)
    placement = _place(parts, up, sphere)
    placed = tuple(
        Part(part.name, placement.to_box(part.vertices).astype(np.float32), part.triangles, part.uv, part.texture)
        for part in parts
    )
    random = np.random.default_rng(seed)
    if cards or shells:
        if cards and not shells:
            notes.append(
                f"{path.name}: it has transparent cards, so whatever is hidden from all sides counts as solid."
            )
        shown = placed
        samples = _visible(path.name, Scene(placed), random)
    else:
        solid = close(*_joined(placed), path.name)
        notes += solid.notes
        shown = (*placed, *_lid_part(solid, placed))
        samples = sample_solid(solid, placed, random)
    scene = Scene(shown)
    train, held = (studio_views(scene, cameras, view_size, SAMPLES) for cameras in (_around(), held_out_cameras()))
    arrays = {name: getattr(samples, name) for name in PointSamples.__slots__}
    return Source("mesh", train, held, arrays, placement, tuple(notes))


def sample_solid(
    solid: Solid, parts: tuple[Part, ...], random: np.random.Generator, near: int = NEAR, spread: int = SPREAD,
    surface: int = SURFACE,
) -> PointSamples:  # fmt: skip
    """Points with distances to a body, and colours of its outer surface; drawn as `studio.points` draws them."""
    outer = np.flatnonzero(outer_faces(solid))
    if not len(outer):
        raise SourceError("the mesh has no outer surface", "Check that its faces look outward.")
    widths = np.where(random.random((near, 1)) < 0.6, 0.008, 0.04)
    beside, _, _ = _on_faces(solid, outer, near, random)
    points = np.concatenate([beside + random.normal(0, 1, (near, 3)) * widths, random.uniform(-1, 1, (spread, 3))])
    points = points.clip(-1, 1).astype(np.float16)
    sdf = distances(solid, outer, points.astype(np.float64)).clip(-TRUNCATION, TRUNCATION).astype(np.float16)
    coloured = outer[solid.source[outer] >= 0]
    places, face, weights = _on_faces(solid, coloured, 2 * surface, random)
    inside = np.flatnonzero((np.abs(places) < 1).all(1))[:surface]
    if not len(inside):
        raise SourceError("nothing of the mesh lies in the box", "Give --centre and --radius that hold it.")
    weights = np.where(solid.flipped[face, None], weights[:, ::-1], weights)
    colour = _colours(parts, solid.source[face[inside]], weights[inside])
    chosen = np.resize(np.arange(len(inside)), surface)
    return PointSamples(points, sdf, places[inside][chosen].astype(np.float16), colour[chosen])


def distances(solid: Solid, outer: np.ndarray, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
    """Signed distance to the outer faces of a body, negative inside, closed by the walls of the box."""
    squared, _, _ = igl.point_mesh_squared_distance(points, solid.vertices, np.ascontiguousarray(solid.faces[outer]))
    signed = np.where(solid.inside(points), -1, 1) * np.sqrt(squared)
    return np.maximum(signed, np.abs(points).max(1) - 0.995)


def _visible(name: str, scene: Scene, random: np.random.Generator) -> PointSamples:
    samples = sample_dressed(scene, random, NEAR, SPREAD, SURFACE)
    if not len(samples.surface):
        raise SourceError(f"nothing of {name} can be seen in the box", "Give --centre and --radius that hold it.")
    return samples


def _place(parts: tuple[Part, ...], up: Up, sphere: Sphere | None) -> Placement:
    """Where the user wants it, or as large as fits; a bust that was cut flat stands on the floor of the box."""
    if sphere is not None:
        return sphere.place(up)
    vertices, faces = _joined(parts)
    used = vertices[np.unique(faces)]
    if not np.ptp(used, 0).max() > 0:
        raise SourceError("all vertices of the mesh lie in one place", "Check its scale and export it again.")
    placement = from_bounds(used.min(0), used.max(0), up, stands=False)
    if opening(placement.to_box(vertices), faces) is None:
        return placement
    return from_bounds(used.min(0), used.max(0), up, stands=True)


def _joined(parts: tuple[Part, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All vertices and all triangles, part after part."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    triangles = [part.triangles + start for part, start in zip(parts, starts, strict=True)]
    return np.concatenate([part.vertices for part in parts]), np.concatenate(triangles)


def _on_faces(
    solid: Solid, faces: np.ndarray, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points spread evenly over some faces, which face each lies on, and its weights of the face's corners."""
    corners = solid.vertices[solid.faces[faces]]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    chosen = random.choice(len(faces), count, p=areas / areas.sum())
    a, b = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1 - a, a * (1 - b), a * b], 1)
    return (corners[chosen] * weights[..., None]).sum(1), faces[chosen], weights


def _colours(parts: tuple[Part, ...], face: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sRGB bytes at places on the triangles of all parts."""
    firsts = np.cumsum([0, *(len(part.triangles) for part in parts)])
    which = np.searchsorted(firsts, face, side="right") - 1
    out = np.zeros((len(face), 3), np.uint8)
    for number, part in enumerate(parts):
        mine = np.flatnonzero(which == number)
        if len(mine):
            uv = (part.uv[face[mine] - firsts[number]] * weights[mine, :, None]).sum(1)
            out[mine] = part_colours(part, uv)
    return out


def part_colours(part: Part, uv: Float[np.ndarray, "N 2"]) -> np.ndarray:
    """sRGB bytes [N, 3] of a part's picture, bilinear."""
    height, width = part.texture.shape[:2]
    places = np.stack([(uv[:, 0] % 1) * width, (1 - uv[:, 1] % 1) * height], 1) - 0.5
    picture = np.ascontiguousarray(part.texture[..., :3])
    if min(picture.shape[:2]) < 2:
        picture = np.repeat(np.repeat(picture, 2, 0), 2, 1)  # the lookup needs a neighbour
    return (bilinear(picture, places.astype(np.float32)) + 0.5).astype(np.uint8)


def _lid_part(solid: Solid, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """The lid in the colour of its rim, or views from below would look into the body."""
    lid = solid.source < 0
    if not lid.any():
        return ()
    rim = np.flatnonzero(np.isin(solid.faces, solid.faces[lid]).any(1) & ~lid)
    colour = _colours(parts, solid.source[rim], np.full((len(rim), 3), 1 / 3)).mean(0)
    texture = np.array([*colour, 255], np.uint8).reshape(1, 1, 4)
    uv = np.full((int(lid.sum()), 3, 2), 0.5, np.float32)
    return (Part("lid", solid.vertices.astype(np.float32), solid.faces[lid], uv, texture),)


def _around() -> Camera:
    """Training cameras: those of people, and a few from high above."""
    people = training_cameras(TRAIN_VIEWS)
    steep = stack_cameras(
        [orbit(2 * math.pi * (k + 0.2) / STEEP_VIEWS, 0.75 + 0.25 * (k % 2)) for k in range(STEEP_VIEWS)]
    )
    return Camera(
        torch.cat([people.cam_to_world, steep.cam_to_world]), torch.cat([people.intrinsics, steep.intrinsics])
    )
