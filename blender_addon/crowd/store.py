# SPDX-License-Identifier: GPL-3.0-or-later
"""Distinct people on disk, a folder each, complete or not there: a crowd can be resumed, and memory stays flat.

    store/3f2a.../shape.npz     vertices [V, 3], uv [V, 2], faces of each level: faces_0, faces_1, ...; budgets [L];
                                asked [A], all budgets that were wanted: a backend may give fewer
    store/3f2a.../albedo.png
    store/3f2a.../normal.png, surface.png     where the backend made them
    store/3f2a.../recipe.json   how the backend made this person

The folder's name is a digest of what was asked for (`key_of`), not of when or where.
"""

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..protocol import JobRequest, MeshReady, TextureReady
from ..scene import png
from ..scene.channels import NORMAL, SURFACE, maps_of

SHAPE, ALBEDO, RECIPE = "shape.npz", "albedo.png", "recipe.json"


class StoreError(Exception):
    """A folder that cannot take people; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Shape:
    """A person's meshes, in the backend's axes; all levels use the same vertices and one texture."""

    vertices: np.ndarray
    uv: np.ndarray
    levels: tuple[np.ndarray, ...]
    """Faces `[F, 3]` of each level, the finest first."""
    budgets: tuple[int, ...]
    """Face counts that the levels after the first were asked for."""

    def level(self, budget: int) -> np.ndarray:
        """The faces of the level with that budget; the finest where there is none."""
        return self.levels[1 + self.budgets.index(budget)] if budget in self.budgets else self.levels[0]


@dataclass(frozen=True, slots=True)
class Person:
    """One finished person in a store."""

    folder: Path

    @property
    def key(self) -> str:
        return self.folder.name

    @property
    def albedo(self) -> Path:
        """The texture's file."""
        return self.folder / ALBEDO

    def maps(self) -> dict[str, Path]:
        """Files of the finer maps, as far as this person has them."""
        files = {kind: self.folder / f"{kind}.png" for kind in (NORMAL, SURFACE)}
        return {kind: file for kind, file in files.items() if file.exists()}

    def shape(self) -> Shape:
        """The meshes, read from disk. Raises StoreError."""
        try:
            with np.load(self.folder / SHAPE, allow_pickle=False) as found:
                count = sum(name.startswith("faces_") for name in found.files)
                levels = tuple(found[f"faces_{number}"] for number in range(count))
                return Shape(found["vertices"], found["uv"], levels, tuple(found["budgets"].tolist()))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise StoreError(f"{self.folder} is damaged: {error}", "Delete that folder; it is made again.") from error

    def recipe(self) -> dict[str, Any]:
        """How this person was made; empty where that cannot be read."""
        try:
            found = json.loads((self.folder / RECIPE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


class Store:
    """A folder of people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, key: str, budgets: Sequence[int] = ()) -> Person | None:
        """The finished person of that name, if all levels of these budgets were asked for when he was made."""
        folder = self.folder / key
        if not folder.is_dir():
            return None
        try:
            with np.load(folder / SHAPE, allow_pickle=False) as found:
                return Person(folder) if set(budgets) <= set(found["asked"].tolist()) else None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None  # damaged: made again

    def add(
        self, key: str, shape: MeshReady, texture: TextureReady, recipe: Mapping[str, Any], budgets: Sequence[int] = ()
    ) -> Person:
        """Writes a person, at once; one of that name is replaced. Raises StoreError."""
        steps = self.adding(key, shape, texture, recipe, budgets)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                person: Person = done.value
                return person

    def adding(
        self, key: str, shape: MeshReady, texture: TextureReady, recipe: Mapping[str, Any], budgets: Sequence[int] = ()
    ) -> Generator[None, None, Person]:
        """The same in short steps; the folder appears when all of it is there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=".making-", dir=self.folder))
            try:
                levels = shape.levels()
                faces = {f"faces_{number}": each for number, each in enumerate(levels)}
                kept = np.array(budgets[: len(levels) - 1], np.int64)
                asked = np.array(budgets, np.int64)
                np.savez(staging / SHAPE, vertices=shape.vertices, uv=shape.uv, budgets=kept, asked=asked, **faces)
                for name, pixels in {Path(ALBEDO).stem: texture.albedo, **maps_of(texture)}.items():
                    content = yield from png.encode(pixels)
                    (staging / f"{name}.png").write_bytes(content)
                (staging / RECIPE).write_text(json.dumps(recipe, indent=2, ensure_ascii=False), encoding="utf-8")
                # A folder cannot be replaced by another in one step; half of one is never under its name.
                if (self.folder / key).exists():
                    os.replace(self.folder / key, staging / ".before")
                os.replace(staging, self.folder / key)
                shutil.rmtree(self.folder / key / ".before", ignore_errors=True)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        except OSError as error:
            if (found := self.find(key, budgets)) is not None:  # another populate was quicker
                return found
            raise StoreError(
                f"{self.folder} cannot be written: {error.strerror or error}", "Choose a folder with free space."
            ) from error
        return Person(self.folder / key)


def key_of(request: JobRequest) -> str:
    """The name of the person that this request makes, whoever asks, under whichever job id and in how many levels."""
    asked = {
        "preset": request.preset,
        "seed": request.seed,
        "portrait": hashlib.sha256(request.portrait).hexdigest() if request.portrait is not None else None,
        "options": {name: request.options[name] for name in sorted(request.options) if name != "levels"},
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
