# SPDX-License-Identifier: GPL-3.0-or-later
"""The cameras of a transforms.json: every dialect's way to write them, and what is refused.

Dialects: the synthetic NeRF scenes (Blender: `camera_angle_x`, files without extension, transforms_train.json and its
siblings), instant-ngp (`fl_x`, `cx`, `w`, `aabb`-like keys, distortion), nerfstudio (the same for each frame,
`mask_path`, `train_filenames`). All are OpenGL cameras, camera to world; ours are OpenCV cameras.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from .errors import SourceError

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".PNG", ".JPG", ".JPEG")
DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
PINHOLES = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE")
SPLITS = (("transforms_train.json", True), ("transforms_val.json", False), ("transforms_test.json", False))
WIDEST, NARROWEST = math.radians(160), math.radians(0.5)
RIGID = 0.02
"""How far a rotation matrix may be from one: files are written with few digits."""
LEAST_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture and its camera."""

    picture: Path
    mask: Path | None
    cam_to_world: Float[np.ndarray, "4 4"]
    """Rigid, OpenCV axes, the user's frame."""
    size: tuple[int, int] | None
    """Width and height that the file says the picture has."""
    record: dict[str, Any]
    """Calibration as the file gives it, the frame's own values over the common ones."""
    train: bool | None
    """Which side of the split the file puts it on; None: neither."""


def read_frames(folder: Path) -> tuple[list[Frame], dict[str, Any]]:
    """Frames of a folder in the file's order, and what the file says about all of them.

    Raises SourceError.
    """
    whole = folder / "transforms.json"
    if whole.is_file():
        header = _json(whole)
        frames = _frames(whole, header, None)
        named = {"train_filenames": True, "val_filenames": False, "test_filenames": False}
        side = {str(file): train for key, train in named.items() for file in header.get(key) or ()}
        if side:
            frames = [replace(frame, train=side.get(frame.record["file_path"])) for frame in frames]
    else:
        frames, header = [], {}
        for name, train in SPLITS:
            if (folder / name).is_file():
                header = header or _json(folder / name)
                frames += _frames(folder / name, _json(folder / name), train)
        if not header:
            raise SourceError(
                f"{folder} has pictures for nobody: there is no transforms.json",
                "Give a folder with the cameras in the usual NeRF form; COLMAP and nerfstudio write it.",
            )
    if len(frames) < LEAST_FRAMES:
        raise SourceError(
            f"{folder} has {len(frames)} cameras, {LEAST_FRAMES} at least are needed",
            "List more pictures under `frames` in transforms.json; 20 all around are a good number.",
        )
    eyes = np.stack([frame.cam_to_world[:3, 3] for frame in frames])
    if np.ptp(eyes, 0).max() <= 1e-6 * max(1.0, float(np.abs(eyes).max())):
        raise SourceError(
            f"all {len(frames)} cameras stand in one place, so depth cannot be told", "Walk around the subject instead."
        )
    return frames, header


def intrinsics_of(frame: Frame, width: int, height: int) -> Float[np.ndarray, "3 3"]:
    """Calibration of a picture of this size, divided by size.

    Raises SourceError for a calibration that no lens has.
    """
    record, name = frame.record, frame.picture.name
    w, h = frame.size or (width, height)
    focal_x, focal_y = _number(record, "fl_x", name), _number(record, "fl_y", name)
    angle_x, angle_y = _number(record, "camera_angle_x", name), _number(record, "camera_angle_y", name)
    if focal_x is None and angle_x is not None and 0 < angle_x < math.pi:
        focal_x = 0.5 * w / math.tan(angle_x / 2)
    if focal_y is None and angle_y is not None and 0 < angle_y < math.pi:
        focal_y = 0.5 * h / math.tan(angle_y / 2)
    focal_x = focal_y if focal_x is None else focal_x
    focal_y = focal_x if focal_y is None else focal_y  # square pixels
    if focal_x is None or focal_y is None:
        raise SourceError(
            f"the camera of {name} has no focal length", "Give camera_angle_x, or fl_x and fl_y, in transforms.json."
        )
    centre_x, centre_y = _number(record, "cx", name), _number(record, "cy", name)
    centre_x = w / 2 if centre_x is None else centre_x
    centre_y = h / 2 if centre_y is None else centre_y
    for focal, side in ((focal_x, w), (focal_y, h)):
        angle = 2 * math.atan2(0.5 * side, focal) if focal > 0 else math.inf
        if not NARROWEST < angle < WIDEST:
            raise SourceError(
                f"the camera of {name} has a focal length of {focal:g} pixels for {side} pixels, which no lens has",
                "Check fl_x, fl_y, camera_angle_x and w, h in transforms.json: focal lengths are in pixels.",
            )
    if not (0 <= centre_x <= w and 0 <= centre_y <= h):
        raise SourceError(
            f"the camera of {name} has its centre at ({centre_x:g}, {centre_y:g}), outside its {w} x {h} picture",
            "Check cx and cy in transforms.json: they are in pixels.",
        )
    return np.array([[focal_x / w, 0, centre_x / w], [0, focal_y / h, centre_y / h], [0, 0, 1.0]])


def _frames(path: Path, header: dict[str, Any], train: bool | None) -> list[Frame]:
    listed = header.get("frames")
    if not isinstance(listed, list) or not listed:
        raise SourceError(
            f"{path.name} has no cameras: its `frames` is empty or missing", "Each frame needs a transform_matrix."
        )
    common = {key: value for key, value in header.items() if key != "frames"}
    found: list[Frame] = []
    missing: list[str] = []
    for number, own in enumerate(listed):
        if not isinstance(own, dict) or not isinstance(own.get("file_path"), str):
            raise SourceError(f"frame {number} of {path.name} names no picture", "Give it a file_path.")
        record = {**common, **own}
        _refuse_lenses(path, record)
        matrix = _camera(own.get("transform_matrix"), f"{own['file_path']} in {path.name}")
        size = _size(record, own["file_path"])
        names = [own["file_path"], own.get("mask_path")]
        picture, mask = (_picture(path.parent, name) if name else None for name in names)
        missing += [name for name, file in zip(names, (picture, mask), strict=True) if name and file is None]
        if picture is not None:
            found.append(Frame(picture, mask, matrix, size, record, train))
    if missing:
        raise SourceError(
            f"{len(missing)} of the files that {path.name} names are not there, the first is {missing[0]}",
            "Paths count from the folder of the file; put the pictures there.",
        )
    return found


def _picture(folder: Path, name: str) -> Path | None:
    """The file of a path that may lack its extension or be written with another system's separators."""
    place = folder / name.replace("\\", "/")
    if place.is_file():
        return place
    return next((file for ending in EXTENSIONS if (file := place.with_name(place.name + ending)).is_file()), None)


def _camera(value: Any, what: str) -> Float[np.ndarray, "4 4"]:
    """A rigid OpenCV transform from a 4 x 4 or 3 x 4 OpenGL one."""
    try:
        matrix = np.array(value, float)
    except (TypeError, ValueError):
        matrix = np.zeros(0)
    if matrix.shape not in ((4, 4), (3, 4)):
        raise SourceError(f"the camera of {what} has no 4 x 4 transform_matrix", "Export the cameras again.")
    if not np.isfinite(matrix).all():
        raise SourceError(f"the camera of {what} holds values that are not numbers", "Export the cameras again.")
    if len(matrix) == 4 and np.abs(matrix[3] - [0, 0, 0, 1]).max() > 1e-3:
        raise SourceError(
            f"the camera of {what} does not end in the row 0 0 0 1", "Its matrix may be transposed: turn it over."
        )
    axes = matrix[:3, :3]
    if np.abs(axes.T @ axes - np.eye(3)).max() > RIGID or np.linalg.det(axes) < 0:
        raise SourceError(
            f"the camera of {what} is not rigid: its axes are scaled, sheared or mirrored",
            "Apply the scale of the camera objects before exporting; camera-to-world matrices are expected.",
        )
    u, _, v = np.linalg.svd(axes)  # the nearest rotation
    out = np.eye(4)
    out[:3, :3] = u @ v @ np.diag([1.0, -1.0, -1.0])
    out[:3, 3] = matrix[:3, 3]
    return out


def _refuse_lenses(path: Path, record: dict[str, Any]) -> None:
    bent = {key: record[key] for key in DISTORTION if _number(record, key, path.name)}
    if bent:
        named = ", ".join(f"{key} = {value:g}" for key, value in bent.items())
        raise SourceError(
            f"{path.name} has lens distortion ({named}), which is not modelled",
            "Undistort the pictures first, with COLMAP's image_undistorter for example.",
        )
    model = str(record.get("camera_model", "OPENCV")).upper()
    if model not in PINHOLES or record.get("is_fisheye"):
        raise SourceError(
            f"{path.name} has cameras of the model {record.get('camera_model', 'fisheye')}, only pinholes are fitted",
            "Undistort the pictures first, with COLMAP's image_undistorter for example.",
        )


def _number(record: dict[str, Any], key: str, name: str) -> float | None:
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise SourceError(f"the camera of {name} has {key} = {value}, which is not a number", "Export it again.")
    return float(value)


def _size(record: dict[str, Any], name: str) -> tuple[int, int] | None:
    width, height = _number(record, "w", name), _number(record, "h", name)
    if width is None or height is None:
        return None
    if min(width, height) < 1:
        raise SourceError(f"the camera of {name} has a picture of {width:g} x {height:g} pixels", "Check w and h.")
    return round(width), round(height)


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path.name} cannot be read: {' '.join(str(error).split())[:120]}", "Export it again."
        ) from error
    if not isinstance(content, dict):
        raise SourceError(
            f"{path.name} is not a transforms file: it holds a {type(content).__name__}", "Export it again."
        )
    return content
