# SPDX-License-Identifier: GPL-3.0-or-later
"""People on disk: shards of samples that training streams, made in parallel, resumable, the same for the same seeds."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ..geometry.alignment import CROP_SIZE
from ..geometry.cameras import Camera, orbit
from ..geometry.triplane import AXES
from .assets import Pack
from .captions import describe
from .parameters import EVALUATION_SEEDS, SAMPLER_VERSION, sample_parameters
from .people import Person, build_person
from .points import sample_person
from .views import BOX, Scene, View, portrait_camera, render_view

SHARD_PEOPLE = 16
AXIS_SIZE = 256
"""Side of the six views along the axes, pixels."""
PORTRAIT_SPREADS = ((0.1, 0.06), (0.3, 0.1), (0.55, 0.15))
"""Deviations of azimuth and elevation of a person's portraits, radians: nearly frontal, turned, turned farther."""
VIEWS, VIEW_SIZE = 8, 128
"""Perspective views per person all around the bust, and their side in pixels."""


Sample = Callable[[Person], dict[str, np.ndarray]]
"""Arrays of one person, by name."""


class DatasetError(Exception):
    """A folder of shards cannot be used; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """One file to be made."""

    first_seed: int
    last_seed: int
    """Exclusive."""
    path: Path


def plan_shards(seeds: range, out: Path, people: int = SHARD_PEOPLE) -> list[ShardPlan]:
    """Files that hold these seeds; shard borders are multiples of `people`, so ranges can grow later."""
    firsts = range(seeds.start - seeds.start % people, seeds.stop, people)
    spans = [(max(first, seeds.start), min(first + people, seeds.stop)) for first in firsts]
    return [ShardPlan(first, last, out / f"people_{first:08d}_{last:08d}.npz") for first, last in spans]


def make_shards(
    seeds: range, pack_root: Path, out: Path, workers: int, sample: Sample | None = None, people: int = SHARD_PEOPLE
) -> Iterator[tuple[int, int]]:
    """Make the shards that are missing, yielding (shards done, shards wanted) after each.

    `sample` is a module's function, `person_sample` unless given; each file holds so many `people`.
    """
    out.mkdir(parents=True, exist_ok=True)
    Pack(pack_root)  # complain here rather than in every worker
    plans = plan_shards(seeds, out, people)
    missing = [plan for plan in plans if not plan.path.exists()]
    done = len(plans) - len(missing)
    yield done, len(plans)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_make_shard, plan, pack_root, sample or person_sample) for plan in missing]
        for future in as_completed(futures):
            future.result()
            done += 1
            yield done, len(plans)


def shard_files(folder: Path, training: bool = True) -> list[Path]:
    """Shards of a folder, in order; with `training`, evaluation seeds are refused."""
    files = sorted(folder.glob("people_*.npz"))
    if not files:
        raise DatasetError(f"{folder} holds no shards", f"Make some: maquette studio make --seeds 0:512 --out {folder}")
    if training and any(int(path.stem.split("_")[2]) > EVALUATION_SEEDS for path in files):
        raise DatasetError(
            f"{folder} holds seeds from {EVALUATION_SEEDS} up, which are kept for evaluation", "Train on lower seeds."
        )
    return files


def person_sample(person: Person, points: bool = True) -> dict[str, np.ndarray]:
    """All supervision of one person, by name:

    axis_rgba [3, 2, S, S, 4] u8 and axis_depth [3, 2, S, S] f16: what is seen from the positive and the negative end
    of the axis across each plane, laid out as the plane is, depth being the coordinate of the hit (0: none);
    view_rgba [V, T, T, 4] u8 and view_angles [V, 2] f32: antialiased pictures from `orbit(azimuth, elevation)`;
    portrait_rgba [P, H, W, 4] u8, portrait_normal [P, H, W, 3] i8: aligned albedo pictures with normals.
    All but the portraits are cut to the field's box. With `points`, which take twice the time of the rest, also
    points [N, 3] f16, sdf [N] f16, surface [M, 3] f16, colour [M, 3] u8 (see `points.PointSamples`).
    """
    arrays = _point_arrays(person) if points else {}
    boxed = Scene(person.parts, limit=BOX)
    rgba, depth = axis_views(boxed)
    random = np.random.default_rng([person.parameters.seed, 3])
    angles = np.stack([(np.arange(VIEWS) + random.uniform(size=VIEWS)) * 2 * np.pi / VIEWS,
                       random.uniform(-0.3, 0.4, VIEWS)], 1)  # fmt: skip
    views = [render_view(boxed, orbit(*each), VIEW_SIZE, samples=2) for each in angles.tolist()]
    pictures, normals = portraits(person)
    return arrays | {
        "axis_rgba": _bytes(rgba), "axis_depth": depth.astype(np.float16),
        "view_rgba": _bytes(np.stack([_with_coverage(view) for view in views])),
        "view_angles": angles.astype(np.float32),
        "portrait_rgba": _bytes(pictures),
        "portrait_normal": (normals * 127).round().astype(np.int8),
    }  # fmt: skip


def _point_arrays(person: Person) -> dict[str, np.ndarray]:
    samples = sample_person(person)
    surface = np.resize(np.arange(len(samples.surface)), 24_000)
    return {
        "points": samples.points, "sdf": samples.sdf,
        "surface": samples.surface[surface], "colour": samples.colour[surface],
    }  # fmt: skip


def portraits(person: Person) -> tuple[np.ndarray, np.ndarray]:
    """Aligned pictures [P, H, W, 4] and world normals [P, H, W, 3]."""
    scene = Scene(person.parts)
    views = [render_view(scene, camera, CROP_SIZE) for camera in portrait_cameras(person)]
    return np.stack([_with_coverage(view) for view in views]), np.stack([view.normal for view in views])


def portrait_cameras(person: Person) -> list[Camera]:
    """From where a person's portraits are taken."""
    return [portrait_camera(person, *values) for values in _portrait_cameras(person.parameters.seed)]


def portrait_angles(seed: int) -> np.ndarray:
    """Azimuth and elevation of a person's portraits [P, 2], radians."""
    return np.array([values[:2] for values in _portrait_cameras(seed)])


def _portrait_cameras(seed: int) -> list[tuple[float, float, float]]:
    """Azimuth, elevation and field of view of each portrait."""
    random = np.random.default_rng([seed, 2])
    cameras = []
    for spread in PORTRAIT_SPREADS:
        azimuth, elevation = (float(np.clip(random.normal(0, s), -2 * s, 2 * s)) for s in spread)
        cameras.append((azimuth, elevation, float(random.uniform(0.25, 0.5))))
    return cameras


def _with_coverage(view: View) -> np.ndarray:
    return np.concatenate([view.rgb, view.alpha[..., None]], -1)


def axis_views(scene: Scene, size: int = AXIS_SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Colour with coverage [3, 2, S, S, 4] and depth [3, 2, S, S] seen along the axis across each plane."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    rows, columns = np.meshgrid(line, line, indexing="ij")
    rgba, depth = [], []
    for across, up in AXES:
        along = 3 - across - up
        for sign in (1, -1):
            origins = np.zeros((size * size, 3), np.float32)
            origins[:, across], origins[:, up], origins[:, along] = columns.ravel(), rows.ravel(), sign * 1.5
            directions = np.zeros_like(origins)
            directions[:, along] = -sign
            hits = scene.cast(origins, directions)
            where = np.where(np.isfinite(hits.depth), sign * (1.5 - hits.depth), 0)
            rgba.append(np.concatenate([hits.rgb, hits.alpha[:, None]], -1).reshape(size, size, 4))
            depth.append(np.clip(where, -1, 1).reshape(size, size))
    return np.stack(rgba).reshape(3, 2, size, size, 4), np.stack(depth).reshape(3, 2, size, size)


def _make_shard(plan: ShardPlan, pack_root: Path, sample: Sample) -> None:
    pack = _pack(pack_root)
    samples, records = [], []
    for seed in range(plan.first_seed, plan.last_seed):
        parameters = sample_parameters(seed, pack)
        samples.append(sample(build_person(parameters, pack)))
        records.append({**parameters.record(), "caption": describe(parameters)})
    stacked = {name: np.stack([each[name] for each in samples]) for name in samples[0]}
    header = json.dumps({"sampler_version": SAMPLER_VERSION, "people": records})
    unfinished = plan.path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez(file, header=np.frombuffer(header.encode(), np.uint8), **stacked)
    unfinished.replace(plan.path)  # a killed run leaves no half shard


_PACKS: dict[Path, Pack] = {}


def _pack(root: Path) -> Pack:
    """The pack of this worker process, read once."""
    if root not in _PACKS:
        _PACKS[root] = Pack(root)
    return _PACKS[root]


def _bytes(picture: np.ndarray) -> np.ndarray:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
