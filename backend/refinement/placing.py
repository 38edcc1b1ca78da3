# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the head is in somebody's mesh: unit, up and front are found by looking for its face from all around.

A face finder sees the mesh from six sides, then from its corners. Where it recognises a face, the points' places on the
surface are laid onto those of an average person in our box by turning, moving and scaling; the view from which they
agree best is the front. So a head in millimetres that looks along -X, or one on top of a whole body, comes out as
avatars stand: +Y up, face to +Z, head-sized.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ..faces.networks import FaceFinder
from ..geometry.cameras import Camera, look_at, pinhole
from ..surface.mesh import Mesh
from ..surface.user_head import HeadError
from ..texture.maps import TextureSet
from ..texture.preview import lookup, to_linear, to_srgb
from ..texture.raster import raster_view

AXES = ("X", "-X", "Y", "-Y", "Z", "-Z")
"""What a user may call up or front: an axis of the mesh's own frame."""
_MIDDLE = {
    4: (0.152, 0.540),
    5: (0.191, 0.515),
    195: (0.223, 0.493),
    197: (0.256, 0.478),
    6: (0.290, 0.458),
    168: (0.323, 0.456),
    9: (0.389, 0.470),
    10: (0.549, 0.444),
    2: (0.098, 0.489),
}
_RIGHT = {
    (33, 263): (0.197, 0.316, 0.401),
    (133, 362): (0.076, 0.302, 0.408),
    (159, 386): (0.144, 0.341, 0.428),
    (145, 374): (0.136, 0.294, 0.411),
    (98, 327): (0.076, 0.110, 0.454),
    (61, 291): (0.113, 0.005, 0.427),
    (205, 425): (0.171, 0.124, 0.404),
    (105, 334): (0.176, 0.410, 0.428),
}
REFERENCE = (
    {point: (0.0, *place) for point, place in _MIDDLE.items()}
    | {right: (-x, y, z) for (right, _), (x, y, z) in _RIGHT.items()}
    | {left: place for (_, left), place in _RIGHT.items()}
)
"""Surface point of the face finder -> where it is on the average of fourteen people of the studio, box units."""
CROWN, HEAD_HEIGHT = 0.82, 1.1
"""Height of the crown in the box, and from chin to crown: for heads without a face that is recognised."""
LOOK, LOOK_FAR = 448, 1024
"""Side of the pictures in which a face is searched, and of those in which a small one is; pixels."""
OPENING = 0.35
"""Opening angle of all looks, radians."""
CLAY = 178
"""sRGB grey of what has no colours."""
GOOD_FIT, WORST_FIT = 0.025, 0.13
"""Mean distance of the points after the fit, box units: below the first no other view is tried, above the second it was
no face."""
ROUNDS = 2
"""Looks straight at the face after it was found."""
NEAR_AXES = 0.07
"""Angle in radians within which the mesh's own axes are meant: heads are modelled upright, faces are never even."""
UNSEEN = (
    "no face was recognised on the mesh, so its own axes and its size tell where the head is; say which way is up and "
    "which way it looks if that is wrong"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Placing:
    """From the mesh's frame into our box: `scale * rotation @ point + offset`."""

    scale: float
    rotation: Float[np.ndarray, "3 3"]
    offset: Float[np.ndarray, " 3"]
    error: float | None = None
    """Mean distance of the face's points from an average person's, box units; None where no face was recognised."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user."""
        return (UNSEEN,) if self.error is None else ()

    def apply(self, points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 3"]:
        """Points in the box, float32."""
        return (self.scale * points.astype(np.float64) @ self.rotation.T + self.offset).astype(np.float32)


def find_place(
    mesh: Mesh, textures: TextureSet | None, finder: FaceFinder, up: str | None = None, front: str | None = None
) -> Placing:
    """Where the head is. `up` and `front` of `AXES` hold where they are given; both None: found.

    The textures lie at the mesh's UVs; None: clay. Raises HeadError for axes that do not make sense.
    """
    given = _given(up, front)
    scene = _Scene(mesh, textures)
    best: Placing | None = None
    for directions, side in _passes(up, front):
        for direction, upward in directions:
            found = scene.look(finder, scene.camera(direction, upward), side, given)
            if found is not None and (best is None or found.error < best.error):  # type: ignore[operator]
                best = found
            if best is not None and best.error < GOOD_FIT:  # type: ignore[operator]
                break
        if best is not None:
            break
    if best is None:
        log.info("no face was recognised on the mesh")
        return _by_size(mesh, given if given is not None else np.eye(3))
    for _ in range(ROUNDS):
        closer = scene.look(finder, _straight(best), LOOK, given)
        if closer is None:
            break
        best = closer
    axes = _nearest_axes(best.rotation)
    if given is None and np.arccos(np.clip((np.trace(axes.T @ best.rotation) - 1) / 2, -1, 1)) < NEAR_AXES:
        best = scene.look(finder, _straight(best), LOOK, axes) or best
    log.info("face found: scale %.4g, points off by %.3f", best.scale, best.error)
    return best


class _Scene:
    """A mesh ready to be looked at many times."""

    def __init__(self, mesh: Mesh, textures: TextureSet | None) -> None:
        self._mesh, self._textures = mesh, textures
        self._normals = mesh.normals()
        used = mesh.vertices[mesh.faces.reshape(-1)]
        self._low, self._high = used.min(0).astype(np.float64), used.max(0).astype(np.float64)

    def camera(self, direction: Float[np.ndarray, " 3"], up: Float[np.ndarray, " 3"]) -> Camera:
        """One that sees all of the mesh from a direction."""
        centre, radius = (self._low + self._high) / 2, np.linalg.norm(self._high - self._low) / 2
        return _camera(centre, direction, up, radius / np.sin(OPENING / 2))

    def look(
        self, finder: FaceFinder, camera: Camera, side: int, given: Float[np.ndarray, "3 3"] | None
    ) -> Placing | None:
        """The placing by what the finder sees; None where that is no face."""
        view = raster_view(self._mesh, camera, side, side)
        shown = view.face >= 0
        if not shown.any():
            return None
        points = finder.landmarks(self._picture(camera, view, shown))
        if points is None:
            return None
        column, row = np.clip(points[:, :2].astype(np.int64), 0, side - 1).T
        on = shown[row, column]
        positions = np.zeros((*shown.shape, 3), np.float32)
        positions[shown] = view.interpolate(self._mesh.faces, self._mesh.vertices)
        chosen = np.array([point for point in REFERENCE if on[point]])
        if len(chosen) < len(REFERENCE) // 2:
            return None
        return _fitted(positions[row[chosen], column[chosen]], np.array([REFERENCE[point] for point in chosen]), given)

    def _picture(self, camera: Camera, view, shown) -> UInt8[np.ndarray, "S S 3"]:
        colour = np.full((*shown.shape, 3), 0.80, np.float32)
        albedo = np.full((int(shown.sum()), 3), CLAY / 255, np.float32)
        if self._textures is not None:
            albedo = lookup(self._textures, self._mesh, view) / np.float32(255)
        frame = camera.cam_to_world[:3, :3].numpy() * np.array([1, -1, -1], np.float32)
        local = view.interpolate(self._mesh.faces, self._normals) @ frame
        local[:, 2] = np.abs(local[:, 2])  # a mesh that is inside out is to be seen too
        light = 0.5 + 0.15 * local[:, 1] + 0.45 * np.maximum(local @ np.array([-0.4, 0.5, 0.77], np.float32), 0)
        colour[shown] = to_srgb(np.clip(to_linear(albedo) * light[:, None], 0, 1))
        return (colour * 255 + 0.5).astype(np.uint8)


def _passes(up: str | None, front: str | None) -> Iterator[tuple[list[tuple[np.ndarray, np.ndarray]], int]]:
    """From where to look and what is up in the picture, likely ones first; and the side of the pictures."""
    if front is not None:
        ahead = _axis(front)
        views = [(ahead, _axis(up) if up is not None else _across(ahead))]
        yield views, LOOK
        yield views, LOOK_FAR
        return
    sides = [np.array(each, float) for each in ((0, 0, 1), (0, 0, -1), (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0))]
    corners = [np.array(each, float) for each in product((-1, 0, 1), repeat=3) if sum(map(abs, each)) == 2]
    # A face on a whole body is small, and small faces are seldom askew.
    for directions, side in ((sides, LOOK), (sorted(corners, key=lambda each: abs(each[1])), LOOK), (sides, LOOK_FAR)):
        views = []
        for each in directions:
            direction, upward = each / np.linalg.norm(each), _axis(up) if up is not None else _across(each)
            if abs(direction @ upward) < 0.9:
                views.append((direction, upward))
        yield views, side


def _nearest_axes(rotation: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """The rotation by quarter turns that is nearest."""
    quarter = [
        np.eye(3)[list(order)] * np.array(signs)
        for order in permutations(range(3))
        for signs in product((-1, 1), repeat=3)
    ]
    return max((each for each in quarter if np.linalg.det(each) > 0), key=lambda each: float((each * rotation).sum()))


def _across(direction: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    """Y where that can be up, else Z. The finder takes faces however they are turned in the picture."""
    return np.array([0.0, 0.0, 1.0]) if abs(direction[1]) > 0.9 * np.linalg.norm(direction) else np.array([0, 1.0, 0])


def _axis(name: str) -> Float[np.ndarray, " 3"]:
    if name not in AXES:
        raise HeadError(f"there is no axis {name!r}", f"Choose one of {', '.join(AXES)}.")
    return np.eye(3)["XYZ".index(name[-1])] * (-1 if name[0] == "-" else 1)


def _given(up: str | None, front: str | None) -> Float[np.ndarray, "3 3"] | None:
    """The rotation into the box where both axes are named."""
    if up is None or front is None:
        return None
    upward, ahead = _axis(up), _axis(front)
    if upward @ ahead:
        raise HeadError(f"a head whose top is {up} cannot look along {front}", "Choose two axes at right angles.")
    return np.stack([np.cross(upward, ahead), upward, ahead])


def _camera(
    target: Float[np.ndarray, " 3"], direction: Float[np.ndarray, " 3"], up: Float[np.ndarray, " 3"], distance: float
) -> Camera:
    centre = torch.from_numpy(target).float()
    eye = torch.from_numpy(target + distance * direction).float()
    return Camera(look_at(eye, centre, torch.from_numpy(np.asarray(up)).float()), pinhole(OPENING))


def _straight(placing: Placing) -> Camera:
    """The camera before the face as it was placed, filled by the head."""
    ahead, up = placing.rotation[2], placing.rotation[1]
    target = placing.rotation.T @ (np.array([0, 0.22, 0.3]) - placing.offset) / placing.scale
    return _camera(target, ahead, up, 4.0 / placing.scale)


def _fitted(
    found: Float[np.ndarray, "K 3"], wanted: Float[np.ndarray, "K 3"], given: Float[np.ndarray, "3 3"] | None
) -> Placing | None:
    """The similarity that lays points onto points (Umeyama 1991), without the worst quarter; None if no face."""
    kept = np.ones(len(found), bool)
    for _ in range(3):
        model, target = found[kept].astype(np.float64), wanted[kept]
        model_middle, target_middle = model.mean(0), target.mean(0)
        model, target = model - model_middle, target - target_middle
        if given is None:
            left, strengths, right = np.linalg.svd(target.T @ model)
            handed = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
            rotation, spread = (left * handed) @ right, float(strengths @ handed)
        else:
            rotation, spread = given, float(((model @ given.T) * target).sum())
        if spread <= 0:
            return None
        scale = spread / max(float((model**2).sum()), 1e-300)
        offset = target_middle - scale * rotation @ model_middle
        error = np.linalg.norm(scale * found @ rotation.T + offset - wanted, axis=1)
        kept = error <= np.quantile(error, 0.75)
    mean = float(error.mean())
    return Placing(scale, rotation, offset, mean) if mean < WORST_FIT else None


def _by_size(mesh: Mesh, rotation: Float[np.ndarray, "3 3"]) -> Placing:
    """A head that fills its mesh, with a neck under it."""
    points = mesh.vertices[mesh.faces.reshape(-1)].astype(np.float64) @ rotation.T
    low, high = points.min(0), points.max(0)
    extent = high - low
    # Down to the neck a head is not much higher than deep or wide: what is longer has a body.
    scale = HEAD_HEIGHT / min(0.85 * extent[1], 1.35 * max(extent[0], extent[2]))
    middle = (low + high) / 2
    return Placing(scale, rotation, np.array([0.0, CROWN, 0.0]) - scale * np.array([middle[0], high[1], middle[2]]))
