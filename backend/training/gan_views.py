# SPDX-License-Identifier: GPL-3.0-or-later
"""Single pictures with their cameras, from the studio or from any folder in EG3D's form: all that a GAN learns from."""

import json
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera, orbit
from ..studio.dataset import DatasetError, shard_files
from .views import stack_cameras


class PictureSource(Protocol):
    """Pictures of many people, each with the camera that took it."""

    channels: int
    """4 with coverage, else 3."""
    side: int

    def __len__(self) -> int: ...

    def draw(self, count: int, random: torch.Generator) -> tuple[Float[Tensor, "B C S S"], Camera]:
        """Random pictures in [-1, 1], coverage last where there is one, and as many cameras."""

    def cameras(self, count: int, random: torch.Generator) -> Camera:
        """Random cameras alone, as the pictures' are spread."""


class StudioViews:
    """The studio's perspective views over white, with coverage, and their mirror images."""

    channels = 4

    def __init__(self, folder: Path, side: int, training: bool = True) -> None:
        self.side = side
        pictures, cameras = [], []
        for path in shard_files(folder, training):
            with np.load(path, allow_pickle=False) as stored:
                pictures.append(shrunk(stored["view_rgba"], side))
                cameras += [orbit(*angles) for angles in stored["view_angles"].reshape(-1, 2).tolist()]
        self.pictures = torch.cat(pictures)
        """Colour times coverage with coverage, bytes [N, 4, S, S]."""
        self._cameras = stack_cameras(cameras)
        # The mirror image of a camera around +Y: its place and its axes but the first change sides.
        mirror = torch.diag(torch.tensor([-1.0, 1, 1, 1]))
        self._mirrored = mirror @ self._cameras.cam_to_world @ mirror

    def __len__(self) -> int:
        return 2 * len(self.pictures)

    def draw(self, count: int, random: torch.Generator) -> tuple[Float[Tensor, "B C S S"], Camera]:
        chosen = torch.randint(len(self), (count,), generator=random)
        rows, mirrored = chosen % len(self.pictures), chosen >= len(self.pictures)
        rgba = self.pictures[rows].float() / 255
        rgba = torch.where(mirrored[:, None, None, None], rgba.flip(3), rgba)
        over_white = rgba[:, :3] + 1 - rgba[:, 3:]
        return torch.cat([over_white, rgba[:, 3:]], 1) * 2 - 1, self._of(chosen)

    def cameras(self, count: int, random: torch.Generator) -> Camera:
        return self._of(torch.randint(len(self), (count,), generator=random))

    def _of(self, chosen: Tensor) -> Camera:
        rows, mirrored = chosen % len(self.pictures), chosen >= len(self.pictures)
        pose = torch.where(mirrored[:, None, None], self._mirrored[rows], self._cameras.cam_to_world[rows])
        return Camera(pose, self._cameras.intrinsics[rows])


class FolderViews:
    """A folder of square pictures with `dataset.json`, as EG3D takes it: {"labels": [[name, 25 numbers], ...]}, the
    numbers being camera-to-world (OpenCV) row by row and intrinsics over the picture's side.

    Pictures with an alpha channel have coverage; all must have one, or none. They are read when they are drawn.
    Mirror images are not made up: EG3D's own folders hold them.
    """

    def __init__(self, folder: Path, side: int, box: float = 1.0) -> None:
        self.folder, self.side = folder, side
        self._names, labels = _listed(folder)
        self.channels = 4 if _opened(folder / self._names[0]).mode in ("RGBA", "LA") else 3
        pose, intrinsics = labels[:, :16].reshape(-1, 4, 4), labels[:, 16:].reshape(-1, 3, 3)
        # Their box has sides of `box`, ours of 2.
        pose = pose.clone()
        pose[:, :3, 3] *= 2 / box
        self._cameras = Camera(pose, intrinsics)

    def __len__(self) -> int:
        return len(self._names)

    def draw(self, count: int, random: torch.Generator) -> tuple[Float[Tensor, "B C S S"], Camera]:
        """Raises DatasetError for a file that is no picture or is unlike the others."""
        chosen = torch.randint(len(self), (count,), generator=random)
        pictures = torch.stack([self._read(self._names[int(row)]) for row in chosen])
        return pictures * 2 - 1, self._of(chosen)

    def cameras(self, count: int, random: torch.Generator) -> Camera:
        return self._of(torch.randint(len(self), (count,), generator=random))

    def _of(self, chosen: Tensor) -> Camera:
        return Camera(self._cameras.cam_to_world[chosen], self._cameras.intrinsics[chosen])

    def _read(self, name: str) -> Float[Tensor, "C S S"]:
        picture = _opened(self.folder / name)
        covered = picture.mode in ("RGBA", "LA")
        if covered != (self.channels == 4) or picture.width != picture.height:
            raise DatasetError(
                f"{name} is {picture.width}x{picture.height} {picture.mode}, unlike the folder's first picture",
                "Make all pictures square, and all with an alpha channel or none.",
            )
        values = torch.from_numpy(np.array(picture.convert("RGBA"))).permute(2, 0, 1).float() / 255
        rgba = torch.cat([values[:3] * values[3:], values[3:]])  # files do not multiply colours by coverage
        rgba = functional.interpolate(rgba[None], (self.side, self.side), mode="area")[0]
        return torch.cat([rgba[:3] + 1 - rgba[3:], rgba[3:]])[: self.channels]


def picture_source(folder: Path, side: int) -> PictureSource:
    """What a folder holds: pictures with `dataset.json`, or shards of the studio. Raises DatasetError for neither."""
    return FolderViews(folder, side) if (folder / "dataset.json").exists() else StudioViews(folder, side)


def shrunk(pictures: np.ndarray, side: int) -> Tensor:
    """Bytes [N, V, H, W, K] to bytes [N * V, K, side, side], averaged over areas.

    Raises DatasetError for smaller ones.
    """
    if pictures.shape[2] < side:
        raise DatasetError(
            f"the views have {pictures.shape[2]} pixels a side, {side} are wanted", "Choose a smaller configuration."
        )
    flat = torch.from_numpy(pictures).flatten(0, 1).permute(0, 3, 1, 2)
    parts = [functional.interpolate(part.float(), (side, side), mode="area").round().byte() for part in flat.split(64)]
    return torch.cat(parts)


def _listed(folder: Path) -> tuple[list[str], Float[Tensor, "N 25"]]:
    path = folder / "dataset.json"
    try:
        entries: Any = json.loads(path.read_text(encoding="utf-8"))["labels"]
        names = [str(name) for name, _ in entries]
        labels = torch.tensor([numbers for _, numbers in entries], dtype=torch.float32)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path} cannot be read ({error})", 'It must hold {"labels": [[file name, [25 numbers]], ...]}.'
        ) from error
    if labels.ndim != 2 or labels.shape[1] != 25 or not labels.isfinite().all():
        raise DatasetError(
            f"{path} must give 25 finite numbers for each picture, got an array of {list(labels.shape)}",
            "Give the pose (16) and the intrinsics (9) of each camera.",
        )
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DatasetError(f"{path} names {missing[0]}, which is not there", "Copy all pictures into the folder.")
    return names, labels


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except OSError as error:
        raise DatasetError(f"{path} is no picture that can be read ({error})", "Replace the file.") from error
