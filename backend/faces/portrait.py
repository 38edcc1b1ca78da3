# SPDX-License-Identifier: GPL-3.0-or-later
"""Image file -> Portrait: the largest face, the aligned crop, its matte, and what to tell the user."""

import logging
from dataclasses import dataclass

import cv2
import numpy as np

from backend.geometry.alignment import CROP_SIZE, face_square

from .decode import BACKDROP, PortraitError, decode
from .networks import Face, FaceFinder, warp
from .pose import head_yaw

log = logging.getLogger(__name__)

RIGHT_EYE = (33, 160, 158, 133, 153, 144)
LEFT_EYE = (362, 385, 387, 263, 373, 380)
MOUTH_CORNERS = (61, 291)
MIN_FACE_WIDTH, GOOD_FACE_WIDTH = 30, 100
GOOD_YAW, MAX_YAW = 25, 40
"""Degrees. Beyond the second the points are off: a profile of 80 degrees reads 50."""
MIN_INSIDE, GOOD_INSIDE = 0.85, 0.99
"""Part of the face's points that lies within the picture."""
CROP_OVERSAMPLING = 2

__all__ = ["Portrait", "PortraitError", "align", "load_portrait"]


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photograph ready to condition the model and to colour the avatar."""

    image: np.ndarray
    """The whole picture, upright, sRGB u8 [H, W, 3]."""
    landmarks: np.ndarray
    """MediaPipe's surface points f32 [468, 3]: position in `image` and depth, in pixels."""
    crop: np.ndarray
    """The aligned square u8 [256, 256, 3]; grey where it passes the picture's edge."""
    matte: np.ndarray
    """Person (1) or background (0), f32 [256, 256], on the crop; 0 outside the picture."""
    crop_from_image: np.ndarray
    """Homogeneous map f64 [3, 3] of positions in `image` to positions in `crop`, in pixels."""
    yaw: float
    """Degrees the head is turned; positive when the nose points to the image's right."""
    notes: tuple[str, ...]
    """Sentences for the user: what was chosen, what limits the likeness."""


def load_portrait(content: bytes, finder: FaceFinder) -> Portrait:
    """The portrait in an image file of any common kind.

    Raises PortraitError with one sentence and a hint where the picture cannot be used.
    """
    picture = decode(content)
    faces = finder.faces(picture.rgb)
    if not faces:
        raise PortraitError(
            "no face was found in the picture",
            "Use a photograph that shows one face from the front, well lit and sharp.",
        )
    face = faces[0]
    height, width = picture.rgb.shape[:2]
    crop, crop_from_image = align(picture.rgb, face.landmarks)
    yaw = head_yaw(_transformed(face.landmarks[:, :2], crop_from_image), CROP_SIZE)
    notes = picture.notes + _judge(face, yaw, (height, width))
    if len(faces) > 1:
        notes += (f"{len(faces)} faces were found; the largest is used",)
    matte = finder.matte(crop) * _coverage((height, width), picture.alpha, crop_from_image)
    log.info("portrait: face %.0f px wide, yaw %.0f degrees", face.width, yaw)
    return Portrait(picture.rgb, face.landmarks, crop, matte.astype(np.float32), crop_from_image, yaw, notes)


def align(image: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The aligned crop u8 [256, 256, 3] and the map [3, 3] of image positions to crop positions."""
    points = landmarks[:, :2].astype(np.float64)
    centre, x_half, y_half = face_square(
        points[list(RIGHT_EYE)].mean(0), points[list(LEFT_EYE)].mean(0), points[list(MOUTH_CORNERS)].mean(0)
    )
    half = CROP_SIZE / 2
    to_crop = np.linalg.inv(np.column_stack([x_half / half, y_half / half])) if np.any(x_half) else np.eye(2)
    crop_from_image = np.eye(3)
    crop_from_image[:2] = np.column_stack([to_crop, half - to_crop @ centre])
    return _cut(image, crop_from_image, BACKDROP), crop_from_image


def _judge(face: Face, yaw: float, size: tuple[int, int]) -> tuple[str, ...]:
    """Refuses faces that would come out wrong, and says what will come out less well."""
    notes: tuple[str, ...] = ()
    if face.width < MIN_FACE_WIDTH:
        raise PortraitError(
            f"the face is only {face.width:.0f} pixels wide; {MIN_FACE_WIDTH} are needed, "
            f"{GOOD_FACE_WIDTH} or more are good",
            "Use a larger picture or one taken closer.",
        )
    points = face.landmarks[:, :2]
    inside = float(((points >= 0) & (points < np.array(size[::-1]))).all(1).mean())
    if inside < MIN_INSIDE:
        raise PortraitError(
            f"the face is cut off by the picture's edge (about {inside:.0%} of it can be seen)",
            "Use a picture that shows the whole face.",
        )
    if abs(yaw) > MAX_YAW:
        raise PortraitError(
            f"the head is turned too far to the side (about {abs(yaw):.0f} degrees; {MAX_YAW} are the limit)",
            "Use a picture taken from the front.",
        )
    if face.width < GOOD_FACE_WIDTH:
        notes += (f"the face is only {face.width:.0f} pixels wide; a larger picture gives a sharper texture",)
    if inside < GOOD_INSIDE:
        notes += ("a part of the face lies outside the picture and is guessed",)
    if abs(yaw) > GOOD_YAW:
        notes += (f"the head is turned by about {abs(yaw):.0f} degrees; a frontal picture gives a better likeness",)
    return notes


def _coverage(size: tuple[int, int], alpha: np.ndarray | None, crop_from_image: np.ndarray) -> np.ndarray:
    """How much of each crop pixel the picture covers, f32 [256, 256]."""
    opaque = np.full(size, 255, np.uint8) if alpha is None else alpha
    return _cut(opaque, crop_from_image, 0).astype(np.float32) / 255


def _cut(image: np.ndarray, crop_from_image: np.ndarray, border: int) -> np.ndarray:
    finer = crop_from_image[:2] * CROP_OVERSAMPLING
    large = warp(image, finer, CROP_SIZE * CROP_OVERSAMPLING, border)
    return cv2.resize(large, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_AREA)


def _transformed(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return points @ matrix[:2, :2].T + matrix[:2, 2]
