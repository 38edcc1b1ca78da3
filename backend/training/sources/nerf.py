# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of pictures with cameras (transforms.json, the usual NeRF form) as views in the box."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image

from ...geometry.cameras import Camera
from ..views import ViewSet
from .errors import SourceError
from .frames import Frame, intrinsics_of, read_frames
from .normalise import Placement, Source, Sphere, Up, cameras_up, from_cameras

HOLD_OUT_EVERY = 8
"""Without a split in the file, every eighth picture judges the fit."""
LEAST_TO_SPARE = 6
"""... unless there are fewer than this."""
MOST_HELD = 24
"""Of a longer list of test pictures, so many are used."""
EVEN = 8 / 255
"""A background whose colour varies by less than this counts as even."""
EVEN_SHARE = 0.97
"""... along this share of the pictures' borders."""
CLEAR = 0.5
"""Coverage below which a pixel is background."""


def read_nerf(folder: Path, *, up: Up | None = None, sphere: Sphere | None = None, view_size: int = 192) -> Source:
    """Pictures of a folder with their cameras put into the box; the longer side becomes at most `view_size` pixels.

    Raises SourceError.
    """
    frames, header = read_frames(folder)
    notes: list[str] = []
    shape = _common_shape(frames, view_size)
    pictures, intrinsics = [], []
    for frame in frames:
        picture, size = _load(frame, shape)
        intrinsics.append(intrinsics_of(frame, *size))
        pictures.append(picture)
    rgba = np.stack(pictures)
    if rgba[..., 3].min() > CLEAR:
        rgba, note = _keyed(folder, rgba)
        notes.append(note)
    covered = (rgba[..., 3] > CLEAR).mean((1, 2))
    if empty := int((covered < 1e-3).sum()):
        raise SourceError(
            f"{empty} of {len(frames)} pictures in {folder.name} show nothing: their coverage is empty",
            "Check the alpha channels or masks: white is the subject.",
        )
    cam_to_world = np.stack([frame.cam_to_world for frame in frames])
    calibration = np.stack(intrinsics)
    placement = _placement(folder, header, cam_to_world, calibration, up, sphere)
    cameras = Camera(torch.from_numpy(placement.cameras(cam_to_world)).float(), torch.from_numpy(calibration).float())
    alpha = torch.from_numpy(rgba[..., 3])
    rgb = torch.from_numpy(rgba[..., :3]) * alpha[..., None] + (1 - alpha[..., None])
    views = ViewSet(cameras, rgb, alpha)
    train, held = _split(frames)
    return Source("pictures", _some(views, train), _some(views, held) if held else None, None, placement, tuple(notes))


def _placement(
    folder: Path,
    header: dict[str, Any],
    cam_to_world: Float[np.ndarray, "K 4 4"],
    intrinsics: Float[np.ndarray, "K 3 3"],
    up: Up | None,
    sphere: Sphere | None,
) -> Placement:
    """Where the user says, else the file's `aabb`, else around what all cameras look at."""
    axis = cameras_up(cam_to_world) if up is None else up
    if sphere is None and header.get("aabb") is not None:
        sphere = _box(folder, header["aabb"])
    if sphere is not None:
        placement = sphere.place(axis)
    else:
        half_angle = 0.5 / intrinsics[:, [0, 1], [0, 1]].max(1)
        placement, sphere = from_cameras(cam_to_world, half_angle, axis)
    eyes = np.abs(placement.to_box(cam_to_world[:, :3, 3])).max(1)
    if inside := int((eyes < 1).sum()):
        raise SourceError(
            f"{inside} of {len(eyes)} cameras stand inside the box of radius {sphere.radius:g} that is to be fitted",
            "Pictures must be taken from outside; give a smaller --radius (and --centre) around the subject.",
        )
    ahead = cam_to_world[:, :3, 3] + cam_to_world[:, :3, 2]
    towards = ((np.array(sphere.centre) - cam_to_world[:, :3, 3]) * (ahead - cam_to_world[:, :3, 3])).sum(1)
    if (towards <= 0).all():
        raise SourceError(
            "no camera looks towards the box that is to be fitted",
            "Matrices are expected camera to world in OpenGL axes; check --centre.",
        )
    return placement


def _box(folder: Path, value: Any) -> Sphere:
    """The file's own box [[low], [high]] in the frame of its cameras, as `maquette studio export` writes it."""
    try:
        low, high = np.array(value, float).reshape(2, 3)
    except (TypeError, ValueError) as error:
        raise SourceError(
            f"the aabb in {folder.name}/transforms.json is not [[x, y, z], [x, y, z]]",
            "Drop it, or give its low and high corner in the frame of the cameras.",
        ) from error
    centre = (low + high) / 2
    return Sphere((float(centre[0]), float(centre[1]), float(centre[2])), float((high - low).max() / 2))


def _common_shape(frames: list[Frame], view_size: int) -> tuple[int, int]:
    """Width and height that all pictures are brought to.

    Pictures may differ in size only where the file gives each its own (`w` and `h` of the frame): a calibration in
    pixels means nothing without.
    """
    sizes = [_picture_size(frame) for frame in frames]
    own = all(frame.size == size for frame, size in zip(frames, sizes, strict=True))
    different = sorted(set(sizes))
    if len(different) > 1 and not own:
        named = " and ".join(f"{width} x {height}" for width, height in different[:2])
        raise SourceError(
            f"the pictures have {len(different)} different sizes ({named} pixels)",
            "Bring them to one size, or give each frame its own w, h and focal length.",
        )
    for frame, (width, height) in zip(frames, sizes, strict=True):
        # A whole set may be a smaller copy of the one that was calibrated, but not of another shape.
        if frame.size is not None and abs(width * frame.size[1] - height * frame.size[0]) > max(width, height):
            raise SourceError(
                f"{frame.picture.name} has {width} x {height} pixels, transforms.json says {frame.size[0]} x "
                f"{frame.size[1]}",
                "Correct w, h and the focal length in transforms.json.",
            )
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    share = min(1.0, view_size / max(width, height))
    return max(1, round(width * share)), max(1, round(height * share))


def _picture_size(frame: Frame) -> tuple[int, int]:
    with _opened(frame.picture) as picture:
        return picture.size


def _load(frame: Frame, shape: tuple[int, int]) -> tuple[Float[np.ndarray, "H W 4"], tuple[int, int]]:
    """Straight colour and coverage of one picture in the common size, and the size it came in.

    EXIF is ignored: cameras are calibrated on pixels as they are stored.
    """
    with _opened(frame.picture) as opened:
        size = opened.size
        rgba = np.asarray(_eight_bits(opened).convert("RGBA"), np.float32) / 255
    if frame.mask is not None:
        with _opened(frame.mask) as opened:
            mask = np.asarray(opened.convert("L").resize(size, Image.Resampling.NEAREST), np.float32) / 255
        rgba = np.concatenate([rgba[..., :3], np.minimum(rgba[..., 3], mask)[..., None]], -1)
    if size == shape:
        return rgba, size
    # Colours are averaged by their coverage, or what lies under transparent pixels would bleed into the outline.
    alpha = rgba[..., 3]
    planes = [*np.moveaxis(rgba[..., :3] * alpha[..., None], -1, 0), alpha]
    small = [np.asarray(Image.fromarray(plane).resize(shape, Image.Resampling.BOX)) for plane in planes]
    colour = np.stack(small[:3], -1) / np.maximum(small[3], 1e-4)[..., None]
    return np.concatenate([colour, small[3][..., None]], -1).clip(0, 1).astype(np.float32), size


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with Image.open(path) as picture:
            picture.load()
            yield picture
    except (OSError, ValueError) as error:
        raise SourceError(f"{path.name} is not a picture that can be read", "Save it as PNG or JPEG.") from error


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Sixteen-bit grey is the one mode that the library would clip instead of scaling."""
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture, np.float32) / 257).clip(0, 255).astype(np.uint8))
    return picture


def _keyed(folder: Path, rgba: Float[np.ndarray, "K H W 4"]) -> tuple[Float[np.ndarray, "K H W 4"], str]:
    """Coverage of pictures without masks: an even background, connected with the border, is taken away."""
    import cv2

    border = np.concatenate([rgba[:, 0, :, :3], rgba[:, -1, :, :3], rgba[:, :, 0, :3], rgba[:, :, -1, :3]], 1)
    colour = np.median(border.reshape(-1, 3), 0)
    even = np.abs(border - colour).max(-1) < EVEN
    if even.mean() < EVEN_SHARE:
        raise SourceError(
            f"the pictures in {folder.name} have no masks and no even background, so subject and room cannot be told "
            "apart",
            "Give pictures with an alpha channel, or a mask_path for each frame (white is the subject).",
        )
    out = rgba.copy()
    for picture in out:
        alike = (np.abs(picture[..., :3] - colour).max(-1) < EVEN).astype(np.uint8)
        _, label = cv2.connectedComponents(alike, connectivity=4)
        rim = np.concatenate([label[0], label[-1], label[:, 0], label[:, -1]])
        outside = np.isin(label, rim[rim > 0])
        picture[..., 3] = np.where(outside, 0, 1)
    shown = "#" + "".join(f"{round(float(value) * 255):02x}" for value in colour)
    return out, f"{folder.name}: no masks were given; the even background {shown} was taken for one."


def _split(frames: list[Frame]) -> tuple[list[int], list[int]]:
    """Which frames teach and which judge: as the file says, else every eighth judges."""
    everything = list(range(len(frames)))
    if any(frame.train is False for frame in frames) and any(frame.train for frame in frames):
        train = [index for index in everything if frames[index].train is not False]
        held = [index for index in everything if frames[index].train is False]
        return train, held[:: -(-len(held) // MOST_HELD)]
    if len(frames) < LEAST_TO_SPARE:
        return everything, []
    held = everything[HOLD_OUT_EVERY // 2 :: HOLD_OUT_EVERY]
    return [index for index in everything if index not in held], held


def _some(views: ViewSet, chosen: list[int]) -> ViewSet:
    cameras = Camera(views.cameras.cam_to_world[chosen], views.cameras.intrinsics[chosen])
    return ViewSet(cameras, views.rgb[chosen], views.alpha[chosen])
