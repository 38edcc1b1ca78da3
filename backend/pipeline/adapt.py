# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of a style: a generator learns what a sentence says, is kept under a name, and makes a first head.

    for event in run(AdaptRequest(sentence="a marble statue"), "cpu"): ...

While it learns there are `Progress` and pictures; then everything that an avatar's job says, of the head of the
request's seed. The recipe is that head's, so that it can be varied and made again, with the style's own under "style".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from backend.weights import library

from . import avatar
from .adapt_request import AdaptRequest
from .events import Finished, PipelineEvent, Progress
from .stages import Stages
from .workplace import clear, workplace

if TYPE_CHECKING:
    from backend.adaptation.adapt import Adapted
    from backend.adaptation.plan import AdaptPlan
    from backend.adaptation.prior import PicturePrior, PriorPlace

log = logging.getLogger(__name__)

LEARNING, FIRST_HEAD = "learning the style", "first head"
RUNS = ".adapting"
"""Folder of runs that were stopped, among the models."""
SHARE = 0.95
"""Of the whole job, that learning takes; the rest is the first head's."""


class StyleError(Exception):
    """A style that cannot be made; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def run(
    request: AdaptRequest,
    device: str,
    *,
    find_prior: Callable[[str, PriorPlace], PicturePrior] | None = None,
) -> Iterator[PipelineEvent]:
    """The events of one job. Closing the iterator cancels it within one step; the same request goes on from there.
    `find_prior` gives who knows what sentences look like; `adaptation.prior.load_prior` unless told.

    Raises StyleError, LibraryError, WorkplaceError and whatever adaptation and avatars raise; all carry `message` and
    `hint`.
    """
    from backend import synthesis

    model = chosen_model(request)
    name = request.name or library.free_name(request.sentence, synthesis.SYNTHESIZERS)
    library.place(name)  # before any work: names of models that ship are refused there
    made = library.entries().get(name)
    if name in synthesis.SYNTHESIZERS or (made is not None and not _is_ours(made, request)):
        raise taken(name)
    learned = 0.0
    if made is None:
        learned = yield from _learned(request, model, name, device, find_prior)
    head = request.first_head(name)
    steps = avatar.run(head, synthesis.load(name, device))
    try:
        for event in steps:
            yield _told(event, name, learned)
    finally:
        cast(Generator[PipelineEvent, None, None], steps).close()


def chosen_model(request: AdaptRequest) -> library.Entry:
    """The generator that is to be changed. Raises StyleError."""
    possible = library.adaptable()
    name = request.model or next(iter(possible), "")
    if not name:
        raise StyleError(
            "there is no generator that a sentence could change",
            "Train one (maquette train gan), or reinstall maquette.",
        )
    if name not in possible:
        raise StyleError(
            f"the generator {name} cannot be changed by a sentence", f"Choose one of {', '.join(possible) or 'none'}."
        )
    return library.entries()[name]


def taken(name: str) -> StyleError:
    """There is another generator of that name."""
    return StyleError(f"there is a generator called {name} already", "Choose another name, or remove that one first.")


def plan_of(request: AdaptRequest, model: str) -> AdaptPlan:
    """The request in the words of adaptation; what is not said is left to it. Raises AdaptationError."""
    from backend.adaptation.plan import AdaptPlan, Distillation

    names = ("steps", "side", "prior")
    said: dict[str, Any] = {name: getattr(request, name) for name in names if getattr(request, name) is not None}
    if request.guidance is not None:
        said["distillation"] = Distillation(guidance=float(request.guidance))
    return AdaptPlan(
        prompt=request.sentence.strip(),
        negative=request.negative.strip(),
        keep=cast(Any, request.keep),
        model=model,
        seed=request.seed,
        **said,
    )


def _learned(
    request: AdaptRequest,
    model: library.Entry,
    name: str,
    device: str,
    find_prior: Callable[[str, PriorPlace], PicturePrior] | None,
) -> Generator[PipelineEvent, None, float]:
    """Yields while the generator learns; it lies in the library at the end. Returns the seconds that took."""
    from backend.adaptation.adapt import adapt
    from backend.adaptation.adaptable import opened
    from backend.adaptation.prior import PriorPlace, load_prior
    from backend.adaptation.shelve import shelve

    plan, stages = plan_of(request, model.name), Stages({LEARNING: SHARE, FIRST_HEAD: 1 - SHARE})
    with workplace(library.folder() / RUNS, request.fingerprint(model.model_hash)) as folder:
        yield stages.enter(LEARNING)
        prior = (find_prior or load_prior)(plan.prior, PriorPlace(device=device))
        steps = adapt(opened(model.name, device), prior, plan, folder)
        try:
            while True:
                step = next(steps)
                yield stages.progress(step.fraction, step.preview)
        except StopIteration as done:
            adapted: Adapted = done.value
        finally:
            steps.close()
        shelve(adapted, name, told={"job_id": request.job_id})
        log.info("the style %s is in the library", name)
        clear(folder)
    return stages.finish()["total"]


def _is_ours(made: library.Entry, request: AdaptRequest) -> bool:
    """Whether an earlier attempt of this very job made it, and only the head is missing."""
    return bool(request.job_id) and made.recipe is not None and made.recipe.get("job_id") == request.job_id


def _told(event: PipelineEvent, name: str, learned: float) -> PipelineEvent:
    """An event of the first head, as the style's job says it, which took so many seconds before."""
    match event:
        case Progress():
            return replace(event, fraction=SHARE + (1 - SHARE) * event.fraction)
        case Finished(recipe=recipe):
            entry = library.entries()[name]
            seconds = {LEARNING: learned, **recipe["seconds"], "total": round(learned + recipe["seconds"]["total"], 3)}
            return Finished(recipe | {"style": {"name": name, **(entry.recipe or {})}, "seconds": seconds})
    return event
