# SPDX-License-Identifier: GPL-3.0-or-later
"""Many people evaluated side by side, each one's figures kept at once, so that a run that was stopped goes on."""

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ..geometry.cameras import orbit
from ..geometry.rendering import render
from ..studio.assets import Pack
from ..synthesis.base import Condition
from ..synthesis.rodin import Rodin
from ..weights import store
from .held_out import Score, chamfer_percent, complete, pictures, portrait_condition, score_pictures, strip
from .truths import Truth, prepared
from .variety import Variety, features_of_field, features_of_shards, features_of_views, measure

Record = dict[str, Any]
"""Figures of one person as plain JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is evaluated, and where things lie."""

    pack: Path
    """Folder of the studio's assets."""
    truths: Path
    """Folder of truths; those that are missing are made."""
    out: Path | None = None
    """Folder for figures and pictures of each person."""
    weights: Path = store.DEFAULT
    steps: int = 12
    """Denoising steps of the base model."""

    @property
    def mark(self) -> str:
        """Names what figures belong to."""
        return f"{store.file_hash(self.weights)}-{self.steps}"

    def generator(self) -> Rodin:
        """The model, read once in each process."""
        return _generator(self.weights)

    def truth(self, seed: int) -> Truth:
        """One held-out person."""
        return prepared(seed, _pack(self.pack), self.truths)


def evaluate(
    work: Callable[[Setting, int], Record], seeds: range, setting: Setting, workers: int = 1
) -> Iterator[tuple[int, Record]]:
    """(how many are done, record) as people are done, in any order; records of earlier runs come first.

    `work` must be a function of a module: it travels to other processes by its name.
    """
    kept = {seed: record for seed in seeds if (record := _read(work, setting, seed)) is not None}
    yield from enumerate(kept.values(), 1)
    todo = [seed for seed in seeds if seed not in kept]
    one = partial(_evaluate_one, work, setting)
    if workers == 1 or len(todo) < 2:
        yield from enumerate(map(one, todo), len(kept) + 1)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(one, seed) for seed in todo]
        try:
            for done, future in enumerate(as_completed(futures), len(kept) + 1):
                yield done, future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def portrait(setting: Setting, seed: int) -> Record:
    """An avatar from the person's nearly frontal portrait; with `out`, also a strip of pictures."""
    truth, generator = setting.truth(seed), setting.generator()
    started = time.perf_counter()
    field = complete(generator, portrait_condition(truth, setting.steps)).field
    seconds = time.perf_counter() - started
    rgb, alpha = pictures(field, truth)
    score = score_pictures(rgb, alpha, truth, chamfer_percent(field, truth))
    if setting.out is not None:
        Image.fromarray(strip(truth, rgb)).save(setting.out / f"portrait_{seed}.png")
    return {"seed": seed, "seconds": round(seconds, 2), **_rounded(score)}


def variety(setting: Setting, seed: int) -> Record:
    """An avatar from nothing but a seed, small, as `spread_of` takes it; with `out`, also a picture of it."""
    field = complete(setting.generator(), Condition(seed=seed, steps=setting.steps)).field
    seen = features_of_field(field)
    if setting.out is not None:
        view = render(field, orbit(0.4, 0.05), 256, 256, normals=False).rgb.clamp(0, 1) * 255
        Image.fromarray(view.byte().cpu().numpy()).save(setting.out / f"variety_{seed}.png")
    return {"seed": seed, "features": base64.b64encode(seen.tobytes()).decode("ascii")}


def spread_of(records: list[Record], setting: Setting, people: range, training: Path | None) -> Variety:
    """How various the avatars of `variety` are beside held-out people, and beside training's people if those are
    given."""
    avatars = np.stack([np.frombuffer(base64.b64decode(record["features"]), np.uint8) for record in records])
    studio = np.concatenate([features_of_views(setting.truth(seed).axis_rgba[None]) for seed in people])
    known = None if training is None else features_of_shards(training)
    return measure(avatars.reshape(-1, *studio.shape[1:]), studio, known)


def means(records: list[Record]) -> dict[str, float]:
    """Of all figures, over people."""
    names = [name for name, value in records[0].items() if isinstance(value, float)]
    return {name: round(sum(record[name] for record in records) / len(records), 4) for name in names}


def _rounded(score: Score) -> dict[str, float]:
    return {name: round(value, 4) for name, value in asdict(score).items()}


def _evaluate_one(work: Callable[[Setting, int], Record], setting: Setting, seed: int) -> Record:
    if setting.out is not None:
        setting.out.mkdir(parents=True, exist_ok=True)
    record = {**work(setting, seed), "mark": setting.mark}
    if setting.out is not None:
        path = _place(work, setting, seed)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        unfinished.write_text(json.dumps(record) + "\n", encoding="utf-8")
        unfinished.replace(path)
    return record


def _read(work: Callable[[Setting, int], Record], setting: Setting, seed: int) -> Record | None:
    """Figures of an earlier run of the same weights and steps."""
    if setting.out is None or not (path := _place(work, setting, seed)).exists():
        return None
    record: Record = json.loads(path.read_text(encoding="utf-8"))
    return record if record["mark"] == setting.mark else None


def _place(work: Callable[[Setting, int], Record], setting: Setting, seed: int) -> Path:
    assert setting.out is not None
    return setting.out / f"{work.__name__}_{seed}.json"


@cache
def _generator(weights: Path) -> Rodin:
    return Rodin.load(torch.device("cpu"), weights)


@cache
def _pack(root: Path) -> Pack:
    return Pack(root)
