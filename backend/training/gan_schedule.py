# SPDX-License-Identifier: GPL-3.0-or-later
"""How a generative adversarial run goes on: sizes of renders, penalties and rates, as shares of the run.

Trevithick et al. 2024, section 3.4 and supplement: four phases of 28.2 million pictures. As shares they fit a run of
any length, and sides are shares of the full side.
"""

from dataclasses import dataclass, field

from .losses import BetaSchedule

PUBLISHED = 28.2
"""Millions of pictures of the published run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A part of a run; each begins where the one before ends."""

    until: float
    """Share of the run at which it ends."""
    side: float
    """Of the renders, as a share of the full side."""
    ramp: float = 0.0
    """Share of the run in which renders grow from the side of the phase before."""
    r1: float = 1.0
    """Weight gamma of the gradient penalty."""
    colour_rate: float = 2.0
    """Learning rate of the colour head over that of all else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GanSchedule:
    """The published schedule, unless told otherwise."""

    phases: tuple[Phase, ...] = (
        Phase(until=10 / PUBLISHED, side=1 / 8),
        Phase(until=18 / PUBLISHED, side=1 / 4, ramp=1 / PUBLISHED),
        Phase(until=25 / PUBLISHED, side=1, ramp=0.2 / PUBLISHED, r1=4),
        Phase(until=1, side=1, r1=2, colour_rate=1),
    )
    beta: BetaSchedule = field(default_factory=BetaSchedule)
    supervise: float = 16 / PUBLISHED
    """Share of the run after which the proposal network learns."""
    propose: float = 17 / PUBLISHED
    """Share of the run after which it says where renders ask."""

    def __post_init__(self) -> None:
        ends = [phase.until for phase in self.phases]
        if not ends or ends != sorted(ends) or ends[-1] < 1 or any(not 0 < phase.side <= 1 for phase in self.phases):
            raise ValueError(f"phases must end in rising order, the last at 1, with sides in (0, 1]; got {self.phases}")
        if self.propose < self.supervise:
            raise ValueError("a proposal network cannot serve before it learns; let propose be supervise or later")

    @classmethod
    def small(cls) -> "GanSchedule":
        """For 64 pixels: half the side until most of the run is done, because small pictures teach shape for a quarter
        of the time. Surfaces stay as soft as a sixth of a pixel: one ray a pixel must look like the edges of pictures
        that were averaged."""
        return cls(
            phases=(
                Phase(until=0.6, side=0.5, r1=0.2),
                Phase(until=0.9, side=1, ramp=0.05, r1=0.2),
                Phase(until=1, side=1, r1=0.2, colour_rate=1),
            ),
            beta=BetaSchedule(first=0.01, last=0.005, begin=0.5, end=0.65), supervise=0.55, propose=0.7,
        )  # fmt: skip

    @classmethod
    def warm(cls) -> "GanSchedule":
        """For 64 pixels after a warm start of half the run: heads are there, so renders are of the full side soon."""
        return cls(
            phases=(
                Phase(until=0.6, side=0.5, r1=0.5),
                Phase(until=0.9, side=1, ramp=0.02, r1=0.5),
                Phase(until=1, side=1, r1=0.5, colour_rate=1),
            ),
            beta=BetaSchedule(first=0.01, last=0.005, begin=0.25, end=0.45), supervise=0.88, propose=0.95,
        )  # fmt: skip

    def phase(self, progress: float) -> Phase:
        """The phase that a share of the run lies in."""
        return next((phase for phase in self.phases if progress < phase.until), self.phases[-1])

    def side(self, progress: float, full: int, multiple: int = 1) -> int:
        """Side of the renders, pixels, a multiple of `multiple`."""
        begin, before = 0.0, self.phases[0].side
        for phase in self.phases:
            if progress < phase.until or phase is self.phases[-1]:
                grown = min((progress - begin) / phase.ramp, 1.0) if phase.ramp else 1.0
                wanted = full * (before + (phase.side - before) * grown)
                return max(multiple, round(wanted / multiple) * multiple)
            begin, before = phase.until, phase.side
        raise AssertionError("phases end at 1")
