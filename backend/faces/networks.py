# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces, their 468 surface points and a person's outline, by four small networks (MediaPipe's, run by LiteRT).

Found this way on seven portraits and 27 edge cases: at least what the mediapipe package finds, and bad faces are
refused by the presence output, which that package does not ask for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from . import files

DETECTION_THRESHOLD = 0.5
PRESENCE_THRESHOLD = 0.5
OVERLAP = 0.3
"""Detections that overlap by more (intersection over union) are one face."""
MARGIN = 1.5
"""Side of the square the point network sees, in sides of the face's box."""
BOX_POINTS = [0, 2, 3, 4, 5, 6, 7]
"""Rows of a detection that are positions; row 1 is a size."""
POINT_INPUT = 192
MATTE_INPUT = 256
MATTE_RAMP = (0.3, 0.9)
"""Below the first is background, above the second person."""
RIGHT_EYE_CORNER, LEFT_EYE_CORNER = 33, 263
"""Outer corners, the subject's sides."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a picture."""

    landmarks: np.ndarray
    """MediaPipe's surface points, f32 [468, 3]: image position, and depth in pixels (away from the camera)."""
    presence: float
    """How sure the point network is that this is a face, 0 to 1."""

    @property
    def width(self) -> float:
        """Extent along the eye line, pixels."""
        points = self.landmarks[:, :2]
        across = points[LEFT_EYE_CORNER] - points[RIGHT_EYE_CORNER]
        return float(np.ptp(points @ (across / (np.hypot(*across) + 1e-9))))


class FaceFinder:
    """The four networks, loaded; not to be shared between threads.

    Raises FaceFilesMissing where the files are absent and cannot be fetched.
    """

    def __init__(self, paths: Sequence[Path] | None = None, threads: int = 2) -> None:
        paths = files.network_files() if paths is None else paths
        short, full, points, matte = (_Network(path, threads) for path in paths)
        self._detectors = ((short, 128, _anchors((16, 2), (8, 6))), (full, 192, _anchors((48, 1))))
        self._points = points
        self._matte = matte

    def faces(self, image: np.ndarray) -> list[Face]:
        """All faces of an RGB picture u8 [H, W, 3], largest first, however the picture is turned."""
        height, width = image.shape[:2]
        turned = np.ascontiguousarray(image[::-1, ::-1])
        boxes = self._boxes(image)
        # The point network accepts upside-down faces; only the detectors' scores tell which way is up.
        for box in self._boxes(turned):
            rows = box.rows * np.array([-1, -1])
            rows[BOX_POINTS] += np.array([width, height])
            rows[1] = box.rows[1]
            boxes.append(_Box(box.score, rows))
        found: list[Face] = []
        taken: list[_Box] = []
        for box in sorted(boxes, key=lambda box: -box.score):
            if any(box.is_near(other) for other in taken):
                continue
            face = self._locate(image, box.rows)
            if face.presence >= PRESENCE_THRESHOLD:
                taken.append(box)
                found.append(face)
        return sorted(found, key=lambda face: -face.width)

    def landmarks(self, image: np.ndarray) -> np.ndarray | None:
        """The points f32 [468, 3] of the largest face, None where there is none."""
        found = self.faces(image)
        return found[0].landmarks if found else None

    def matte(self, image: np.ndarray) -> np.ndarray:
        """How much each pixel belongs to a person, f32 [H, W] in [0, 1]; best on a square around head and shoulders."""
        height, width = image.shape[:2]
        small = cv2.resize(image, (MATTE_INPUT, MATTE_INPUT), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        # The network wavers where clothing or flags resemble each other; its mirrored answer wavers elsewhere.
        mean = (self._outline(small) + self._outline(small[:, ::-1])[:, ::-1]) / 2
        low, high = MATTE_RAMP
        ramp = np.clip((mean - low) / (high - low), 0, 1)
        matte = ramp * ramp * (3 - 2 * ramp)
        if (height, width) != matte.shape:
            matte = cv2.resize(matte, (width, height), interpolation=cv2.INTER_LINEAR)
        return matte.astype(np.float32)

    def _outline(self, image: np.ndarray) -> np.ndarray:
        return self._matte(image)[0].reshape(MATTE_INPUT, MATTE_INPUT)

    def _boxes(self, image: np.ndarray) -> list["_Box"]:
        return [box for network, side, anchors in self._detectors for box in _detect(network, side, anchors, image)]

    def _locate(self, image: np.ndarray, box: np.ndarray) -> Face:
        """Points inside a detection's rows; the square is placed anew by the first answer."""
        eye_line = box[3] - box[2]
        face = self._points_in(image, box[0], box[1].max() * MARGIN, np.arctan2(eye_line[1], eye_line[0]))
        points = face.landmarks[:, :2]
        eye_line = points[LEFT_EYE_CORNER] - points[RIGHT_EYE_CORNER]
        angle = np.arctan2(eye_line[1], eye_line[0])
        axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        along = points @ axes.T
        low, high = along.min(0), along.max(0)
        return self._points_in(image, (low + high) / 2 @ axes, (high - low).max() * MARGIN, angle)

    def _points_in(self, image: np.ndarray, centre: np.ndarray, side: float, angle: float) -> Face:
        scale = POINT_INPUT / max(side, 1.0)
        turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        to_input = np.column_stack([turn, POINT_INPUT / 2 - turn @ centre])
        raw, presence = self._points(warp(image, to_input, POINT_INPUT).astype(np.float32) / 255)
        points = raw.reshape(468, 3)
        to_image = np.linalg.inv(turn)
        placed = (points[:, :2] - to_input[:, 2]) @ to_image.T
        return Face(
            np.column_stack([placed, points[:, 2] / scale]).astype(np.float32), float(_sigmoid(presence).item())
        )


def warp(image: np.ndarray, to_output: np.ndarray, side: int, border: int = 0) -> np.ndarray:
    """A square cut out of a picture by an affine map [2, 3] of continuous positions, without aliasing.

    Outside the picture the border value stands.
    """
    # Averaging over whole blocks first keeps the bilinear step from skipping pixels.
    shrink = int(1 / max(np.sqrt(abs(np.linalg.det(to_output[:, :2]))), 1e-9))
    if shrink >= 2:
        height, width = image.shape[:2]
        size = (max(width // shrink, 1), max(height // shrink, 1))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        to_output = to_output * np.array([width / size[0], height / size[1], 1.0])
    # OpenCV counts from pixel centres.
    shifted = to_output.copy()
    shifted[:, 2] += to_output[:, :2].sum(1) * 0.5 - 0.5
    return cv2.warpAffine(image, shifted, (side, side), flags=cv2.INTER_LINEAR, borderValue=(border,) * 4)


@dataclass(frozen=True, slots=True)
class _Box:
    """A detection."""

    score: float
    rows: np.ndarray
    """Image positions [8, 2]: centre, size, right eye, left eye, nose, mouth, right ear, left ear."""

    def is_near(self, other: "_Box") -> bool:
        """Both are the same face."""
        distance = np.hypot(*(self.rows[0] - other.rows[0]))
        return bool(distance < 0.5 * max(self.rows[1].max(), other.rows[1].max()))


class _Network:
    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._outputs = [detail["index"] for detail in self._interpreter.get_output_details()]

    def __call__(self, image: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(image[None], np.float32))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index).copy() for index in self._outputs]


def _detect(network: _Network, side: int, anchors: np.ndarray, image: np.ndarray) -> list[_Box]:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    shift = np.array([side - width * scale, side - height * scale]) / 2
    letterbox = np.column_stack([np.eye(2) * scale, shift])
    raw, logits = network(warp(image, letterbox, side).astype(np.float32) / 127.5 - 1)
    scores = _sigmoid(logits[0, :, 0])
    chosen = np.flatnonzero(scores > DETECTION_THRESHOLD)
    rows = raw[0, chosen].reshape(-1, 8, 2).astype(np.float64)
    centres = anchors[chosen] * side - shift
    rows[:, 0] += centres
    rows[:, 2:] += centres[:, None]
    return _merged(rows / scale, scores[chosen])


def _merged(rows: np.ndarray, scores: np.ndarray) -> list[_Box]:
    """Weighted non-maximum suppression: overlapping boxes become their mean by score."""
    merged = []
    left = list(np.argsort(-scores))
    while left:
        together = [index for index in left if _overlap(rows[left[0]], rows[index]) > OVERLAP]
        left = [index for index in left if index not in together]
        mean = np.average(rows[together], axis=0, weights=scores[together])
        merged.append(_Box(float(scores[together[0]]), mean))
    return merged


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    low = np.maximum(one[0] - one[1] / 2, other[0] - other[1] / 2)
    high = np.minimum(one[0] + one[1] / 2, other[0] + other[1] / 2)
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / (float(np.prod(one[1]) + np.prod(other[1])) - shared + 1e-9)


def _anchors(*grids: tuple[int, int]) -> np.ndarray:
    """Cell centres [N, 2] in [0, 1] of square grids given as (side, anchors per cell)."""
    layers = []
    for side, per_cell in grids:
        rows, columns = np.mgrid[0:side, 0:side]
        centres = (np.stack([columns, rows], -1).reshape(-1, 2) + 0.5) / side
        layers.append(np.repeat(centres, per_cell, axis=0))
    return np.concatenate(layers)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
