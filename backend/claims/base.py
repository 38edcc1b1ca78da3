# SPDX-License-Identifier: GPL-3.0-or-later
"""What every claim's file is made of: the claim, the settings of its experiment, the outcome."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

T = TypeVar("T")
LEAST_SEEDS = 3
Size = Literal["default", "tiny"]
Progress = Callable[[str, float], None]
"""Told what is being done and which share of the experiment is behind; may raise to end it."""


class ClaimError(Exception):
    """A run of claims is not possible as asked; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a paper says, and what must hold here."""

    id: str
    title: str
    """The claim in one sentence, without a full stop."""
    source: str
    """Paper and place."""
    published: str
    """What the paper gives, with its numbers."""
    size: float | None
    """The published effect as one number, None where only its direction is published."""
    sign: Literal[1, -1] = 1
    """Direction of the published effect."""
    unit: str
    """Of the published and of the measured effect, if they are the same; otherwise of the measured one."""
    expected: str
    """What must be measured for the verdict "reproduced"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How an experiment is run; the same settings give the same figures."""

    pack: Path
    """Folder of the studio's assets."""
    cache: Path
    """Folder that the claims of one run share: people, fitted planes."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Each seed is a whole repetition: other people, other start, other order."""
    size: Size = "default"
    """`tiny` runs the same code in seconds and proves nothing."""
    minutes: float = 30.0
    """An experiment that takes longer is ended, and its claim is not reproduced."""

    def __post_init__(self) -> None:
        if len(set(self.seeds)) < LEAST_SEEDS:
            raise ClaimError(f"a claim needs at least {LEAST_SEEDS} seeds, got {len(set(self.seeds))}")

    def pick(self, default: T, tiny: T) -> T:
        """The value for this size."""
        return tiny if self.size == "tiny" else default


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an experiment measured."""

    ours: dict[str, list[float]]
    """Figure, with its unit in its name where it has one, -> one value for each seed."""
    headline: str
    """The figure that stands beside the published size."""
    reproduced: bool
    why: str
    """One or two sentences with the figures that decided; the measured reason where it is not reproduced."""
    pictures: dict[str, np.ndarray]
    """Caption -> uint8 [H, W, 3]: renders side by side, error maps, curves."""

    def __post_init__(self) -> None:
        lengths = {len(values) for values in self.ours.values()}
        if self.headline not in self.ours or len(lengths) != 1:
            raise ValueError(f"ours must hold {self.headline!r} and one value per seed, got {self.ours}")
        if not all(math.isfinite(value) for values in self.ours.values() for value in values):
            raise ValueError(f"figures must be finite, got {self.ours}")


def spread(values: Sequence[float]) -> float:
    """Standard deviation between seeds."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def clearly_positive(differences: Sequence[float]) -> bool:
    """Whether the mean over seeds is above zero by more than twice its standard error; arms share their seeds, so
    differences are taken seed by seed."""
    return float(np.mean(differences)) > 2 * spread(differences) / math.sqrt(len(differences))


def plus_minus(values: Sequence[float], digits: int = 2, signed: bool = False) -> str:
    """`1.23 ± 0.04`: mean and spread over seeds."""
    sign = "+" if signed else ""
    return f"{np.mean(values):{sign}.{digits}f} ± {spread(values):.{digits}f}"


def subtract(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Differences seed by seed."""
    return [a - b for a, b in zip(first, second, strict=True)]


def part(progress: Progress, low: float, high: float) -> Progress:
    """A progress whose 0 and 1 are shares of another's."""
    return lambda stage, share: progress(stage, low + (high - low) * min(max(share, 0.0), 1.0))
