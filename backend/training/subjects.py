# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects on disk, one file each: what a fit is taught by and what it is judged by."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from ..studio.assets import Pack
from ..studio.dataset import DatasetError, person_sample
from ..studio.parameters import SAMPLER_VERSION, sample_parameters
from ..studio.people import build_person
from ..studio.views import BOX, Scene
from .views import ViewSet, held_out_cameras, studio_views, training_cameras, views_from_arrays, views_to_arrays

POINTS = ("points", "sdf", "surface", "colour", "axis_rgba", "axis_depth")
"""Arrays of `studio.dataset.person_sample` that a subject keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewPlan:
    """Which pictures are taken of a studio person."""

    training: int = 32
    """Views all around that teach."""
    held_out: int = 12
    """Views on the ring that judge."""
    size: int = 128
    training_samples: int = 3
    """Rays per pixel and axis of views that teach."""
    held_out_samples: int = 4


@dataclass(frozen=True, slots=True)
class SubjectData:
    """One subject in memory."""

    name: str
    views: ViewSet | None
    """Pictures that teach."""
    held_out: ViewSet | None
    """Pictures that judge."""
    points: dict[str, np.ndarray] | None
    """Point samples of the mesh, and views along the axes, where it is known."""


class Subjects:
    """A folder of subject files, in the order of their names; iterating reads one after another."""

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        self.folder = folder
        self.names = sorted(path.stem for path in folder.glob("*.npz"))[:limit]
        if not self.names:
            raise DatasetError(f"{folder} holds no subjects", "Make some from studio people or from views first.")

    def __len__(self) -> int:
        return len(self.names)

    def load(self, name: str) -> SubjectData:
        """Read one subject.

        Raises DatasetError if its file is missing or damaged.
        """
        return load_subject(self.folder / f"{name}.npz")


def load_subject(path: Path) -> SubjectData:
    """Read a file that `save_subject` wrote.

    Raises DatasetError if it is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            if "sampler_version" in stored and int(stored["sampler_version"]) != SAMPLER_VERSION:
                raise DatasetError(
                    f"{path} was made by sampler {int(stored['sampler_version'])}, this is {SAMPLER_VERSION}",
                    "Delete the file and make it again.",
                )
            views, held_out = (
                views_from_arrays(stored, kind) if f"{kind}rgb" in stored else None for kind in ("views_", "held_out_")
            )
            points = {name: stored[name] for name in POINTS if name in stored} or None
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise DatasetError(f"{path} is not a readable subject ({error})", "Delete it and make it again.") from error
    return SubjectData(path.stem, views, held_out, points)


def save_subject(subject: SubjectData, folder: Path, sampler_version: int | None = None) -> Path:
    """Write one subject, eight bits a channel, in one move."""
    arrays: dict[str, np.ndarray] = dict(subject.points or {})
    for kind, views in (("views", subject.views), ("held_out", subject.held_out)):
        if views is not None:
            arrays |= views_to_arrays(views, f"{kind}_")
    if sampler_version is not None:
        arrays["sampler_version"] = np.array(sampler_version)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{subject.name}.npz"
    unfinished = folder / f"{subject.name}.{os.getpid()}.part"
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)
    return path


def studio_subject(seed: int, pack: Pack, plan: ViewPlan) -> SubjectData:
    """A studio person with everything that can be known of it."""
    person = build_person(sample_parameters(seed, pack), pack)
    sample = person_sample(person)
    scene = Scene(person.parts, BOX)
    views = studio_views(scene, training_cameras(plan.training), plan.size, plan.training_samples)
    held_out = studio_views(scene, held_out_cameras(plan.held_out), plan.size, plan.held_out_samples)
    return SubjectData(f"{seed:08d}", views, held_out, {name: sample[name] for name in POINTS})


def make_subjects(
    seeds: range, pack_root: Path, folder: Path, plan: ViewPlan, workers: int = 1
) -> Iterator[tuple[int, int]]:
    """Make the studio people that are missing, yielding (done, wanted) after each."""
    folder.mkdir(parents=True, exist_ok=True)
    Pack(pack_root)  # complain here rather than in every worker
    missing = [seed for seed in seeds if not (folder / f"{seed:08d}.npz").exists()]
    done = len(seeds) - len(missing)
    yield done, len(seeds)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_make_subject, seed, pack_root, folder, plan) for seed in missing]
        for future in as_completed(futures):
            future.result()
            done += 1
            yield done, len(seeds)


_PACKS: dict[Path, Pack] = {}


def _make_subject(seed: int, pack_root: Path, folder: Path, plan: ViewPlan) -> None:
    torch.set_num_threads(1)
    if pack_root not in _PACKS:
        _PACKS[pack_root] = Pack(pack_root)  # read once in each worker process
    save_subject(studio_subject(seed, _PACKS[pack_root], plan), folder, SAMPLER_VERSION)
