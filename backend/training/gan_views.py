# SPDX-License-Identifier: GPL-3.0-or-later
"""Single pictures with their cameras, from the studio or from any folder in EG3D's form: all that a GAN learns from."""

import itertools
import json
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera, orbit
from ..studio.dataset import DatasetError, portrait_angles, shard_files
from .portraits import plain_photograph
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

    def look(self, chosen: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B C S S"], Camera]:
        """Certain pictures with their cameras."""

    def cameras_of(self, chosen: Int[Tensor, " B"]) -> Camera:
        """The cameras of certain pictures."""

    @property
    def subjects(self) -> int:
        """How many people are in the pictures, as far as that is known: else each is of another."""

    def pictures_of(self, subject: int) -> Int[Tensor, " P"]:
        """Which pictures show a subject."""

    def likenesses(self, first: int, last: int, side: int) -> tuple[Float[Tensor, "B P 4 T T"], Float[Tensor, "B P 3"]]:
        """Pictures that tell who subjects are, as a portrait encoder takes them, and the directions they are from."""


class StudioViews:
    """The studio's perspective views over white, with coverage, and their mirror images."""

    channels = 4

    def __init__(self, folder: Path, side: int, training: bool = True) -> None:
        self.side, self._files = side, shard_files(folder, training)
        shapes = [_stored_shape(path, "view_rgba") for path in self._files]
        self._each = shapes[0][1]
        self._firsts = torch.tensor([0, *itertools.accumulate(shape[0] for shape in shapes)])
        # Filled in place: blocks that are kept between large ones that are not tear the memory apart.
        self.pictures = torch.empty(int(self._firsts[-1]) * self._each, 4, side, side, dtype=torch.uint8)
        """Colour times coverage with coverage, bytes [N, 4, S, S]."""
        cameras: list[Camera] = []
        for path in self._files:
            with np.load(path, allow_pickle=False) as stored:
                own = shrunk(stored["view_rgba"], side)
                self.pictures[len(cameras) : len(cameras) + len(own)] = own
                cameras += [orbit(*each) for each in stored["view_angles"].reshape(-1, 2).tolist()]
        self._cameras = stack_cameras(cameras)
        # The mirror image of a camera around +Y: its place and its axes but the first change sides.
        mirror = torch.diag(torch.tensor([-1.0, 1, 1, 1]))
        self._mirrored = mirror @ self._cameras.cam_to_world @ mirror

    def __len__(self) -> int:
        return 2 * len(self.pictures)

    def draw(self, count: int, random: torch.Generator) -> tuple[Float[Tensor, "B C S S"], Camera]:
        return self.look(torch.randint(len(self), (count,), generator=random))

    def look(self, chosen: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B C S S"], Camera]:
        rows, mirrored = chosen % len(self.pictures), chosen >= len(self.pictures)
        rgba = self.pictures[rows].float() / 255
        rgba = torch.where(mirrored[:, None, None, None], rgba.flip(3), rgba)
        over_white = rgba[:, :3] + 1 - rgba[:, 3:]
        return torch.cat([over_white, rgba[:, 3:]], 1) * 2 - 1, self.cameras_of(chosen)

    @property
    def subjects(self) -> int:
        """People and their mirror images."""
        return len(self) // self._each

    def pictures_of(self, subject: int) -> Int[Tensor, " P"]:
        return subject * self._each + torch.arange(self._each)

    def likenesses(self, first: int, last: int, side: int) -> tuple[Float[Tensor, "B P 4 T T"], Float[Tensor, "B P 3"]]:
        """The studio's aligned portraits, under one lamp."""
        people = self.subjects // 2
        pictures, towards = [], []
        for subject in range(first, last):
            person, mirrored = subject % people, subject >= people
            shard = int(torch.searchsorted(self._firsts, person, right=True)) - 1
            portraits, angles = _portraits(self._files[shard], side)
            row = person - int(self._firsts[shard])
            own, turned = portraits[row], angles[row]
            pictures.append(own.flip(3) if mirrored else own)
            azimuth, elevation = (-turned[:, 0] if mirrored else turned[:, 0]), turned[:, 1]
            flat = elevation.cos()
            towards.append(torch.stack([azimuth.sin() * flat, elevation.sin(), azimuth.cos() * flat], 1))
        return torch.stack(pictures), torch.stack(towards)

    def cameras(self, count: int, random: torch.Generator) -> Camera:
        return self.cameras_of(torch.randint(len(self), (count,), generator=random))

    def cameras_of(self, chosen: Int[Tensor, " B"]) -> Camera:
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
        return self.look(torch.randint(len(self), (count,), generator=random))

    def look(self, chosen: Int[Tensor, " B"]) -> tuple[Float[Tensor, "B C S S"], Camera]:
        """Raises DatasetError as `draw`."""
        pictures = torch.stack([self._read(self._names[int(row)]) for row in chosen])
        return pictures * 2 - 1, self.cameras_of(chosen)

    @property
    def subjects(self) -> int:
        """Nobody is known to be in two pictures."""
        return len(self)

    def pictures_of(self, subject: int) -> Int[Tensor, " P"]:
        return torch.tensor([subject])

    def likenesses(self, first: int, last: int, side: int) -> tuple[Float[Tensor, "B P 4 T T"], Float[Tensor, "B P 3"]]:
        """The pictures themselves."""
        pictures, cameras = self.look(torch.arange(first, last))
        pictures = functional.interpolate(pictures, (side, side), mode="area")
        if self.channels == 3:
            pictures = torch.cat([pictures, torch.ones_like(pictures[:, :1])], 1)
        covered = (pictures[:, 3:] + 1) / 2
        grey = torch.cat([pictures[:, :3] - (1 - covered), pictures[:, 3:]], 1)  # white becomes the encoder's grey
        return grey[:, None], functional.normalize(cameras.cam_to_world[:, :3, 3], dim=1)[:, None]

    def cameras(self, count: int, random: torch.Generator) -> Camera:
        return self.cameras_of(torch.randint(len(self), (count,), generator=random))

    def cameras_of(self, chosen: Int[Tensor, " B"]) -> Camera:
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


def _stored_shape(path: Path, name: str) -> tuple[int, ...]:
    """Of an array of a shard, from its header alone."""
    with zipfile.ZipFile(path) as shard, shard.open(f"{name}.npy") as member:
        np.lib.format.read_magic(member)
        shape: tuple[int, ...] = np.lib.format.read_array_header_1_0(member)[0]
    return shape


@lru_cache(maxsize=4)
def _portraits(path: Path, side: int) -> tuple[Float[Tensor, "N P 4 T T"], Float[Tensor, "N P 2"]]:
    """All portraits of a shard as the encoder takes them, and their azimuths and elevations."""
    with np.load(path, allow_pickle=False) as stored:
        rgba, normal = (
            functional.adaptive_avg_pool2d(
                torch.from_numpy(stored[name]).flatten(0, 1).permute(0, 3, 1, 2).float(), side
            ) / scale
            for name, scale in (("portrait_rgba", 255), ("portrait_normal", 127))
        )  # fmt: skip
        each = stored["portrait_rgba"].shape[:2]
        people = json.loads(stored["header"].tobytes())["people"]
    angles = np.array([portrait_angles(person["seed"]) for person in people])
    return plain_photograph(rgba, normal).unflatten(0, each), torch.from_numpy(angles).float()


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
