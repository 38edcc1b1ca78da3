# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a portrait was taken from, in the avatar's frame, and how its features shift onto the avatar's.

The face finder looks at a picture of the avatar as it looked at the photograph; the same 468 points in both say where
the camera stood. What no camera explains, since no generated head is the person's own, becomes a smooth shift of the
photograph: eyes land on eyes, the mouth on the mouth, the outline of the hair on the outline of the head.
"""

import logging
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy.interpolate import RBFInterpolator

from ..faces.networks import FaceFinder, warp
from ..faces.portrait import MOUTH_CORNERS, Portrait
from ..geometry.alignment import CROP_SIZE, MEAN_FACE, aligned_camera
from ..geometry.cameras import Camera, orbit
from ..surface.mesh import Mesh
from ..texture.maps import TextureSet
from ..texture.preview import picture
from ..texture.project import Photograph
from ..texture.raster import raster_view

LOOK, LOOK_SAMPLES = 384, 2
"""Side of the picture that the face finder sees, and its samples along a pixel."""
LOOKS = ((0.35, 1.0), (0.35, 1.5), (0.6, 1.0), (0.35, 2.2))
"""Opening angle (radians) and contrast of the pictures tried until a face is seen: a blurred field needs contrast."""
DISTANCE = 4.4
"""From the camera to the head, box units; a portrait does not tell, and the shift absorbs the difference."""
OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
"""Lips move with the expression and do not help to find the camera. A photographed smile shows teeth where the avatar's
lips are closed: the outer lips alone place the mouth."""
MAX_ERROR = 0.023
"""Mean distance of the points after the camera is found, as a share of the crop, above which it is not believed."""
WIDER = 1.5
"""Side of the square that is used over the aligned one: the clothes down to the cut."""
MATTE_SIDE = 384
SHIFT_GRID = 64
STIFFNESS = (2e-2, 8e-2, 0.32, 1.3)
"""Smoothing of the shift, the first that does not fold. Points on a blurred face are off by more than a feature's shape
may suffer: a stiff shift keeps the likeness."""
ERODE = 0.009
"""How far the person's outline is drawn in, as a share of the crop: the matte is soft and hair is mixed with what lies
behind."""
UNSEEN = (
    "no face was recognised on the shaped head, so the portrait was laid on from the camera the model was trained "
    "with; features may sit a little off"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registration:
    """A portrait in the avatar's frame."""

    photograph: Photograph
    """A square around the aligned one, placed."""
    face: Float[np.ndarray, "K 2"]
    """Convex outline of the person's face in that square, in [0, 1]^2."""
    notes: tuple[str, ...]
    """What limits the fit."""


def register(portrait: Portrait, mesh: Mesh, textures: TextureSet, finder: FaceFinder, side: int) -> Registration:
    """Place a portrait before a textured mesh; its square is sampled with `side` pixels."""
    square_from_image = np.diag([1, 1, CROP_SIZE]) @ portrait.crop_from_image  # the aligned square becomes [0, 1]^2
    square_from_image = np.array([[1, 0, 0.5 * (WIDER - 1)], [0, 1, 0.5 * (WIDER - 1)], [0, 0, WIDER]]) @ (
        square_from_image / CROP_SIZE
    )
    square_from_image /= square_from_image[2, 2]
    image, matte = wider_square(portrait, square_from_image, finder, side)
    seen = _transform(portrait.landmarks[:, :2], square_from_image)
    solid = surface_landmarks(mesh, textures, finder)
    camera = None if solid is None else find_camera(solid, seen)
    notes: tuple[str, ...] = ()
    if solid is None or camera is None:
        log.warning("portrait: %s", UNSEEN)
        camera, notes = training_camera(), (UNSEEN,)
        placed, targets = np.zeros((0, 2)), np.zeros((0, 2))
    else:
        placed = camera.project(torch.from_numpy(solid).float())[0].numpy().astype(np.float64)
        chosen = np.setdiff1d(np.arange(len(placed)), INNER_LIPS)
        placed, targets = placed[chosen], seen[chosen]
    outline, outline_targets = match_outlines(matte, mesh, camera)
    shift = fit_shift(np.concatenate([placed, outline]), np.concatenate([targets, outline_targets]), len(placed))
    face = cv2.convexHull(seen.astype(np.float32))[:, 0]
    photograph = Photograph(image, trust_map(matte, side), camera, shift)
    return Registration(photograph, face, notes)


def wider_square(
    portrait: Portrait, square_from_image: Float[np.ndarray, "3 3"], finder: FaceFinder, side: int
) -> tuple[UInt8[np.ndarray, "S S 3"], Float[np.ndarray, "T T"]]:
    """The square's pixels and its matte: the portrait's own where it has one, the finder's around it."""
    image = warp(portrait.image, square_from_image[:2] * side, side)
    small = cv2.resize(image, (MATTE_SIDE, MATTE_SIDE), interpolation=cv2.INTER_AREA)
    everywhere = np.full(portrait.image.shape[:2], 255, np.uint8)
    inside = warp(everywhere, square_from_image[:2] * MATTE_SIDE, MATTE_SIDE).astype(np.float32) / 255
    matte = finder.matte(small) * inside
    inner = round(MATTE_SIDE / WIDER)
    first = (MATTE_SIDE - inner) // 2
    # The aligned crop gives the better matte; its border is blended in over a tenth of its side.
    axis = np.minimum(np.arange(inner) + 0.5, inner - np.arange(inner) - 0.5) / inner
    share = np.clip(axis / 0.1, 0, 1)
    share = (share[:, None] * share[None]).astype(np.float32)
    own = cv2.resize(portrait.matte, (inner, inner), interpolation=cv2.INTER_AREA)
    window = (slice(first, first + inner),) * 2
    matte[window] += share * (own - matte[window])
    return image, matte


def surface_landmarks(mesh: Mesh, textures: TextureSet, finder: FaceFinder) -> Float[np.ndarray, "468 3"] | None:
    """The face finder's points on the avatar's surface; None where it finds no face."""
    found = None
    for dressed in (textures, _clay()):
        found = found or _seen(mesh, dressed, finder)
    if found is None:
        return None
    camera, points = found
    side = LOOK * LOOK_SAMPLES
    view = raster_view(mesh, camera, side, side)
    shown = view.face >= 0
    positions = np.zeros((side, side, 3), np.float32)
    positions[shown] = view.interpolate(mesh.faces, mesh.vertices)
    # Points on the outline may fall beside the head: take the nearest pixel that shows it.
    _, label = cv2.distanceTransformWithLabels(
        np.where(shown, 0, 255).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    source = np.zeros(int(label.max()) + 1, np.int64)
    source[label[shown]] = np.flatnonzero(shown)
    column, row = np.clip((points[:, :2] * LOOK_SAMPLES).astype(np.int64), 0, side - 1).T
    return positions.reshape(-1, 3)[source[label[row, column]]]


def _seen(mesh: Mesh, textures: TextureSet, finder: FaceFinder) -> tuple[Camera, Float[np.ndarray, "468 3"]] | None:
    """A camera before the head from which the finder sees a face, and the points that it sees."""
    for field_of_view, contrast in LOOKS:
        camera = orbit(0.0, 0.0, DISTANCE, field_of_view, (0.0, 0.15, 0.0))
        image = picture(mesh, textures, camera, LOOK, samples=LOOK_SAMPLES)
        if contrast != 1:
            image = np.clip((image - 128.0) * contrast + 128, 0, 255).astype(np.uint8)
        points = finder.landmarks(image)
        if points is not None:
            return camera, points
    return None


def _clay() -> TextureSet:
    """What shows the shape alone: paint can hide a face from the finder."""
    return TextureSet(np.full((4, 4, 3), 178, np.uint8), np.ones((4, 4), bool), 0)


def find_camera(solid: Float[np.ndarray, "K 3"], seen: Float[np.ndarray, "K 2"]) -> Camera | None:
    """The camera that maps surface points to their positions in the square ([0, 1]^2); None if none fits."""
    rigid = np.setdiff1d(np.arange(len(solid)), OUTER_LIPS + INNER_LIPS)
    mouth = solid[list(MOUTH_CORNERS)].mean(0)
    rigid = rigid[solid[rigid, 1] > mouth[1]]  # the jaw moves
    model, image = solid[rigid].astype(np.float64), seen[rigid].astype(np.float64)
    spread = lambda points: np.sqrt(points.var(0).sum())  # noqa: E731
    focal = DISTANCE * spread(image) / spread(model[:, :2])
    matrix = np.array([[focal, 0, 0.5], [0, focal, 0.5], [0, 0, 1.0]])
    straight = np.zeros(4)
    kept = np.ones(len(model), bool)
    for _ in range(2):
        found, rotation, offset = cv2.solvePnP(model[kept], image[kept], matrix, straight, flags=cv2.SOLVEPNP_SQPNP)
        if not found:
            return None
        rotation, offset = cv2.solvePnPRefineLM(model[kept], image[kept], matrix, straight, rotation, offset)
        error = np.linalg.norm(cv2.projectPoints(model, rotation, offset, matrix, straight)[0][:, 0] - image, axis=1)
        kept = error < 2.5 * np.median(error)
    world_to_cam = np.eye(4)
    world_to_cam[:3, :3] = cv2.Rodrigues(rotation)[0]
    world_to_cam[:3, 3] = offset[:, 0]
    cam_to_world = np.linalg.inv(world_to_cam)
    before = cam_to_world[2, 3] > 0 and offset[2, 0] > 1.5
    log.info("portrait: camera found, points off by %.4f of the square", error.mean())
    if error.mean() > MAX_ERROR or not before:
        return None
    return Camera(torch.from_numpy(cam_to_world).float(), torch.from_numpy(matrix).float())


def training_camera() -> Camera:
    """The frontal camera whose square is the wide crop of an average head."""
    return aligned_camera(MEAN_FACE, enlarge=WIDER)


def match_outlines(
    matte: Float[np.ndarray, "S S"], mesh: Mesh, camera: Camera
) -> tuple[Float[np.ndarray, "K 2"], Float[np.ndarray, "K 2"]]:
    """Points on the outline of the avatar's head from ear over crown to ear, and theirs on the person's, [0, 1]^2.

    Directions where either outline leaves the square, or where they differ by more than a third, say nothing.
    """
    side = len(matte)
    head = raster_view(mesh, camera, side, side).face >= 0
    middle = camera.project(torch.from_numpy(MEAN_FACE[:2].mean(0, keepdims=True)).float())[0].numpy()[0]
    angles = np.radians(np.arange(-10, 191, 5.0))
    rays = np.stack([np.cos(angles), -np.sin(angles)], 1)
    avatar, person = _reach(head.astype(np.float32), middle, rays), _reach(matte, middle, rays)
    # Single locks and holes of the matte are not the outline.
    padded = np.pad(person, 2, mode="edge")
    person = np.median(np.stack([padded[k : k + len(person)] for k in range(5)]), axis=0)
    ratio = person / np.maximum(avatar, 1e-6)
    valid = (avatar > 0) & (person > 0) & (ratio > 0.67) & (ratio < 1.5)
    return middle + rays[valid] * avatar[valid, None], middle + rays[valid] * person[valid, None]


def fit_shift(
    placed: Float[np.ndarray, "K 2"], targets: Float[np.ndarray, "K 2"], exact: int
) -> Float[np.ndarray, "G G 2"]:
    """A smooth shift that moves `placed` to `targets`; the first `exact` points count fully, the others as hints.

    It is smoothed until nothing folds: neighbouring places keep at least a third of their distance.
    """
    if not len(placed):
        return np.zeros((SHIFT_GRID, SHIFT_GRID, 2), np.float32)
    axis = (np.arange(SHIFT_GRID) + 0.5) / SHIFT_GRID
    grid = np.stack(np.meshgrid(axis, axis), -1)
    mean = np.median(targets[: exact or None] - placed[: exact or None], axis=0)
    # Far corners move as the head does: without them a thin plate runs away.
    corners = np.array([[x, y] for x in (-0.3, 0.5, 1.3) for y in (-0.3, 1.3)])
    points = np.concatenate([placed, corners])
    shifts = np.concatenate([targets - placed, np.repeat(mean[None], len(corners), 0)])
    softness = np.concatenate([np.full(exact, 1.0), np.full(len(placed) - exact, 8.0), np.full(len(corners), 8.0)])
    for strength in STIFFNESS:
        plate = RBFInterpolator(points, shifts, smoothing=strength * softness, kernel="thin_plate_spline")
        shift = plate(grid.reshape(-1, 2)).reshape(SHIFT_GRID, SHIFT_GRID, 2)
        moved = grid + shift
        down, across = np.gradient(moved, 1 / SHIFT_GRID, axis=(0, 1))
        area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        if area.min() > 1 / 3:
            break
    log.info("portrait: shift up to %.3f of the square, smoothing %g", np.abs(shift).max(), strength)
    return shift.astype(np.float32)


def trust_map(matte: Float[np.ndarray, "S S"], side: int) -> Float[np.ndarray, "T T"]:
    """Where the square shows the person: drawn in from the outline, feathered, 0 at the square's border."""
    small = len(matte)
    radius = max(1, round(ERODE * small))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    core = cv2.erode(matte, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    ramp = cv2.GaussianBlur(core, (0, 0), radius)
    soft = np.clip((ramp - 0.35) / 0.6, 0, 1) * np.clip(core * 1.5, 0, 1)
    axis = np.minimum(np.arange(small) + 0.5, small - np.arange(small) - 0.5) / small
    border = np.clip((axis - 0.01) / 0.05, 0, 1)
    soft = soft * border[:, None] * border[None]
    return cv2.resize(soft.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR)


def _reach(mask: Float[np.ndarray, "S S"], middle: Float[np.ndarray, " 2"], rays: Float[np.ndarray, "K 2"]):
    """How far from the middle the mask goes along each ray, 0 where it reaches the square's border."""
    side = len(mask)
    steps = np.arange(0.05, 1.0, 0.5 / side)
    places = middle + rays[:, None] * steps[:, None]
    inside = ((places > 0.01) & (places < 0.99)).all(-1)
    column, row = np.clip((places * side).astype(np.int64), 0, side - 1).transpose(2, 0, 1)
    filled = (mask[row, column] > 0.5) & inside
    last = filled.shape[1] - 1 - filled[:, ::-1].argmax(1)
    open_end = ~inside[np.arange(len(rays)), np.minimum(last + 3, filled.shape[1] - 1)]
    return np.where(filled.any(1) & ~open_end, steps[last], 0.0)


def _transform(points: Float[np.ndarray, "K 2"], matrix: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "K 2"]:
    return points @ matrix[:2, :2].T + matrix[:2, 2]
