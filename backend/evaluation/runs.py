# SPDX-License-Identifier: GPL-3.0-or-later
"""Many people evaluated side by side, each one's figures kept at once, so that a run that was stopped goes on."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from ..studio.assets import Pack
from ..synthesis.rodin import Rodin
from ..weights import store
from .truths import Truth, prepared

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
    invert: int = 0
    """Steps by which avatars are fitted to their portrait after sampling."""
    blender: tuple[str, ...] = ()
    """Command that runs Python code in Blender; empty: the bpy module."""

    @property
    def mark(self) -> str:
        """Names what figures belong to."""
        return f"{store.file_hash(self.weights)}-{self.steps}" + (f"-{self.invert}" if self.invert else "")

    def generator(self) -> Rodin:
        """The model, read once in each process."""
        return _generator(self.weights)

    def assets(self) -> Pack:
        """The studio's assets, read once in each process."""
        return _pack(self.pack)

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
