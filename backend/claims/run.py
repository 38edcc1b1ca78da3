# SPDX-License-Identifier: GPL-3.0-or-later
"""Experiments one after another; what is finished is kept, so that a killed run goes on and reports can be rebuilt."""

import importlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from . import CLAIMS
from .base import Claim, ClaimError, Outcome, Progress, Settings, plus_minus, spread


class OutOfTime(Exception):
    """An experiment has used up its minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A finished experiment; `outcome` is None where its time was not enough."""

    claim: Claim
    settings: Settings
    outcome: Outcome | None
    seconds: float
    """What the experiment took; people and planes that an earlier claim of the run left were not made again."""

    @property
    def reproduced(self) -> bool:
        return self.outcome is not None and self.outcome.reproduced

    @property
    def verdict(self) -> str:
        """`reproduced` or `not reproduced`."""
        return "reproduced" if self.reproduced else "not reproduced"

    @property
    def why(self) -> str:
        """The figures that decided, in a sentence or two."""
        if self.outcome is None:
            return f"The experiment did not finish within {self.settings.minutes:g} minutes."
        return self.outcome.why

    @property
    def headline(self) -> list[float]:
        """The effect that stands beside the published one, seed by seed; empty if there is none."""
        return self.outcome.ours[self.outcome.headline] if self.outcome else []

    @property
    def same_sign(self) -> bool | None:
        """Whether the measured effect has the published direction."""
        return float(np.mean(self.headline)) * self.claim.sign > 0 if self.headline else None

    def size_text(self) -> str:
        """The measured effect: mean and spread with its unit."""
        return (
            f"{plus_minus(self.headline, signed=True)} {self.claim.unit}".strip() if self.headline else "not measured"
        )

    def published_text(self) -> str:
        """The published effect with its unit, or its direction alone."""
        if self.claim.size is None:
            return "positive" if self.claim.sign > 0 else "negative"
        return f"{self.claim.size:+g} {self.claim.unit}".strip()


def load_claim(name: str) -> Any:
    """The module of a claim."""
    return importlib.import_module(f"{__package__}.{CLAIMS[name]}")


def chosen(names: Iterable[str]) -> list[str]:
    """Ids in the order of the table, whatever case they are written in; all where none is named."""
    known = {name.lower(): name for name in CLAIMS}
    unknown = [name for name in names if name.lower() not in known]
    if unknown:
        raise ClaimError(f"there is no claim {', '.join(unknown)}", f"Claims are {', '.join(CLAIMS)}.")
    wanted = {known[name.lower()] for name in names}
    return [name for name in CLAIMS if name in wanted or not wanted]


def run_claims(
    names: list[str], settings: Settings, out: Path, progress: Progress, again: bool = False
) -> Iterator[Result]:
    """Results in order; those that `out` keeps from a run with the same settings are not computed again."""
    for done, name in enumerate(names):
        report = lambda stage, share, name=name, done=done: progress(  # noqa: E731
            f"{name}: {stage}", (done + min(max(share, 0.0), 1.0)) / len(names)
        )
        kept = None if again else load_result(name, settings, out)
        if kept is None:
            kept = run_claim(name, settings, report)
            save_result(kept, out)
        yield kept


def run_claim(name: str, settings: Settings, progress: Progress) -> Result:
    """One experiment, ended when its time is up."""
    module = load_claim(name)
    settings.cache.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()

    def timed(stage: str, share: float) -> None:
        if time.monotonic() - start > 60 * settings.minutes:
            raise OutOfTime
        progress(stage, share)

    try:
        outcome = module.experiment(settings, timed)
    except OutOfTime:
        outcome = None
    return Result(claim=module.CLAIM, settings=settings, outcome=outcome, seconds=time.monotonic() - start)


def as_json(result: Result) -> dict[str, Any]:
    """One object of the list that `maquette claims --json` prints."""
    claim, values = result.claim, result.headline
    figures = result.outcome.ours if result.outcome else {}
    ours = {name: [round(value, 6) for value in seeds] for name, seeds in figures.items()}
    return {
        "id": claim.id,
        "title": claim.title,
        "published": {"size": claim.size, "unit": claim.unit, "sign": claim.sign, "text": claim.published},
        "ours": {
            "size": round(float(np.mean(values)), 6) if values else None,
            "spread": round(spread(values), 6) if values else None,
            "unit": claim.unit,
            "sign": int(np.sign(np.mean(values))) if values else None,
            "figure": result.outcome.headline if result.outcome else None,
            "seeds": ours,
        },
        "expected": claim.expected,
        "verdict": result.verdict,
        "why": result.why,
        "seconds": round(result.seconds, 1),
        "size": result.settings.size,
    }


def save_result(result: Result, out: Path) -> None:
    """Write figures and pictures; the figures last, in one move, so that a killed run leaves no half result."""
    folder = _folder(result.settings, out)
    folder.mkdir(parents=True, exist_ok=True)
    captions = {}
    for number, (caption, picture) in enumerate((result.outcome.pictures if result.outcome else {}).items()):
        captions[caption] = f"{result.claim.id}_{number}.png"
        Image.fromarray(picture).save(folder / captions[caption])
    kept = {
        "finished": result.outcome is not None,
        "seconds": result.seconds,
        "minutes": result.settings.minutes,
        "pictures": captions,
    }
    if result.outcome is not None:
        outcome = result.outcome
        kept |= {
            "ours": outcome.ours, "headline": outcome.headline, "reproduced": outcome.reproduced, "why": outcome.why,
        }  # fmt: skip
    unfinished = folder / f"{result.claim.id}.part"
    unfinished.write_text(json.dumps(kept, indent=1), encoding="utf-8")
    unfinished.replace(folder / f"{result.claim.id}.json")


def load_result(name: str, settings: Settings, out: Path) -> Result | None:
    """A finished experiment of the same size and seeds; one that ran out of time counts unless more is given now."""
    path = _folder(settings, out) / f"{name}.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    outcome = None
    if kept["finished"]:
        pictures = {caption: np.asarray(Image.open(path.parent / file)) for caption, file in kept["pictures"].items()}
        outcome = Outcome(
            ours=kept["ours"], headline=kept["headline"], reproduced=kept["reproduced"], why=kept["why"],
            pictures=pictures,
        )  # fmt: skip
    elif settings.minutes > kept["minutes"]:
        return None
    return Result(claim=load_claim(name).CLAIM, settings=settings, outcome=outcome, seconds=kept["seconds"])


def finished(settings: Settings, out: Path) -> list[Result]:
    """All that `out` keeps of runs with these settings, in the order of the table."""
    results = [load_result(name, settings, out) for name in CLAIMS]
    return [result for result in results if result is not None]


def _folder(settings: Settings, out: Path) -> Path:
    return out / f"{settings.size}-{'-'.join(map(str, settings.seeds))}"
