# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage 2 for many people: here, in processes of this machine, or on Ray over many machines.

Nothing is shared but the arguments of `training.stage2.fit_person`, which travel with each task, so machines need no
common disk; results come back and are written here. Finished people are skipped when a run is repeated, a person
whose fit fails is noted in the index while the others go on, and a worker that dies costs its person another try.
"""

import json
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..models.decoder import FieldDecoder
from ..studio.dataset import DatasetError
from ..training.stage2 import Fitted, Stage2Config, fit_person, fitted_path, load_fitted, save_fitted
from ..training.subjects import SubjectData, Subjects
from .join import ClusterError, join

logger = logging.getLogger(__name__)
INDEX = "index.json"
AHEAD = 2
"""Tasks per worker that are in memory: one at work, one waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Who does the fitting."""

    kind: Literal["here", "processes", "ray"] = "here"
    count: int = 1
    """Processes, or the size of a Ray cluster that is started on this machine."""
    address: str | None = None
    """A running Ray cluster, as ray.init takes it; None starts one on this machine."""
    retries: int = 3
    """How often Ray tries a person again whose worker died."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after each person."""

    done: int
    wanted: int
    name: str
    figures: dict[str, Any] | None
    """What `Fitted.figures` says; None if the fit failed."""
    problem: str | None
    """Why it failed."""


Start = Callable[[SubjectData], Float[Tensor, "3 C R R"]]
"""First planes of a person."""
Fit = Callable[[SubjectData, Float[Tensor, "3 C R R"], FieldDecoder, Stage2Config, int], Fitted]
Outcome = tuple[str, Fitted | Exception]


def fit_people(
    subjects: Subjects,
    decoder: FieldDecoder,
    start: Start,
    out: Path,
    config: Stage2Config,
    *,
    workers: Workers | None = None,
    report: Callable[[Progress], None] = lambda _: None,
    fit: Fit = fit_person,
) -> Path:
    """Fit everyone who is not fitted yet into planes_<name>.safetensors; returns the index of all.

    The index names for each person its file and figures, or its problem. Raises ClusterError if Ray cannot be used.
    """
    workers = workers or Workers()
    out.mkdir(parents=True, exist_ok=True)
    entries: dict[str, dict[str, Any]] = {}
    for name in subjects.names:
        if (figures := _finished(out, name)) is not None:
            entries[name] = _entry(out, name, figures)
    done = len(entries)
    waiting = [name for name in subjects.names if name not in entries]
    _write_index(out, entries)
    for name, outcome in _run(subjects, waiting, decoder, start, config, workers, fit, entries):
        done += 1
        if isinstance(outcome, Fitted):
            save_fitted(outcome, out)
            entries[name] = _entry(out, name, outcome.figures())
        else:
            entries[name] = {"problem": _sentence(outcome)}
            logger.info("%s could not be fitted: %s", name, entries[name]["problem"])
        _write_index(out, entries)
        report(Progress(done, len(subjects), name, entries[name].get("figures"), entries[name].get("problem")))
    return out / INDEX


def _run(
    subjects: Subjects,
    names: list[str],
    decoder: FieldDecoder,
    start: Start,
    config: Stage2Config,
    workers: Workers,
    fit: Fit,
    entries: dict[str, dict[str, Any]],
) -> Iterator[Outcome]:
    """Outcomes as they come in; a subject is read only when its turn comes."""
    if not names:
        return

    def prepared() -> Iterator[tuple[str, SubjectData, Tensor] | Outcome]:
        for name in names:
            try:
                data = subjects.load(name)
                yield name, data, start(data)
            except Exception as error:  # a damaged file is this person's problem alone
                yield name, error

    if workers.kind == "here":
        for item in prepared():
            if len(item) == 2:
                yield item
                continue
            name, data, planes = item
            try:
                yield name, fit(data, planes, decoder, config, 0)
            except Exception as error:
                yield name, error
    elif workers.kind == "processes":
        yield from _in_processes(prepared(), decoder, config, workers, fit)
    else:
        yield from _on_ray(prepared(), decoder, config, workers, fit)


def _in_processes(
    items: Iterator[Any], decoder: FieldDecoder, config: Stage2Config, workers: Workers, fit: Fit
) -> Iterator[Outcome]:
    with ProcessPoolExecutor(
        workers.count, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        running: dict[Any, str] = {}

        def finished() -> Iterator[Outcome]:
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    raise ClusterError(
                        "a process that fitted people died", "Start the command again: who is finished stays finished."
                    ) from error
                yield running.pop(future), future.result() if error is None else _as_exception(error)

        for item in items:
            if len(item) == 2:
                yield item
                continue
            name, data, planes = item
            running[pool.submit(fit, data, planes, decoder, config, 0)] = name
            if len(running) >= AHEAD * workers.count:
                yield from finished()
        while running:
            yield from finished()


def _on_ray(
    items: Iterator[Any], decoder: FieldDecoder, config: Stage2Config, workers: Workers, fit: Fit
) -> Iterator[Outcome]:
    ray, ours = join(workers.address, workers.count)
    try:
        task = ray.remote(num_cpus=1, max_retries=workers.retries)(_one_thread)
        shared = ray.put((fit, decoder, config))
        capacity = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        running: dict[Any, str] = {}

        def finished() -> Iterator[Outcome]:
            ready, _ = ray.wait(list(running), num_returns=1)
            for reference in ready:
                name = running.pop(reference)
                try:
                    yield name, ray.get(reference)
                except ray.exceptions.RayError as error:
                    yield name, _as_exception(getattr(error, "cause", None) or error)

        for item in items:
            if len(item) == 2:
                yield item
                continue
            name, data, planes = item
            running[task.remote(shared, data, planes)] = name
            if len(running) >= capacity:
                yield from finished()
        while running:
            yield from finished()
    finally:
        if ours:
            ray.shutdown()


def _one_thread(shared: tuple[Fit, FieldDecoder, Stage2Config], data: SubjectData, planes: Tensor) -> Fitted:
    """The task of a Ray worker, which has one processor to itself."""
    torch.set_num_threads(1)
    fit, decoder, config = shared
    return fit(data, planes, decoder, config, 0)


def _finished(out: Path, name: str) -> dict[str, Any] | None:
    path = fitted_path(out, name)
    if not path.exists():
        return None
    try:
        return load_fitted(path)[1]
    except DatasetError:
        return None  # a damaged file is made again


def _entry(out: Path, name: str, figures: dict[str, Any]) -> dict[str, Any]:
    return {"file": fitted_path(out, name).name, "figures": figures}


def _write_index(out: Path, entries: dict[str, dict[str, Any]]) -> None:
    unfinished = out / f"{INDEX}.{os.getpid()}.part"
    unfinished.write_text(json.dumps({name: entries[name] for name in sorted(entries)}, indent=1))
    unfinished.replace(out / INDEX)


def _sentence(error: Exception) -> str:
    return str(getattr(error, "message", None) or error or type(error).__name__).strip().splitlines()[-1]


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
