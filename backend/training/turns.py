# SPDX-License-Identifier: GPL-3.0-or-later
"""Who learns in one step of a run: one network by one optimiser, or several networks that answer each other in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .engine import Stage


def whole() -> float:
    """The run's own learning rate."""
    return 1.0


def always() -> bool:
    """In every step."""
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Parameters that learn at one rate."""

    parameters: tuple[nn.Parameter, ...]
    share: Callable[[], float] = whole
    """Of the run's learning rate; asked before every step."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One optimiser's part of a step."""

    network: nn.Module
    """Who learns: gradients of this turn reach no other learner's parameters."""
    losses: Callable[[torch.Generator], dict[str, Tensor]]
    """As a stage's."""
    groups: tuple[Group, ...]
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float | None = None
    """None: the run's."""
    due: Callable[[], bool] = always
    """Whether it is taken in the step that comes; asked before every step."""


@runtime_checkable
class Alternating(Protocol):
    """A stage whose step is several turns, each with an optimiser of its own; its `losses` are never asked."""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """In their order within a step; the same objects each time."""
        ...


def turns_of(stage: "Stage") -> tuple[Turn, ...]:
    """The turns of any stage: one, by default."""
    if isinstance(stage, Alternating):
        return stage.turns
    learned = tuple(parameter for parameter in stage.network.parameters() if parameter.requires_grad)
    return (Turn(stage.network, stage.losses, (Group(learned),)),)


@contextmanager
def alone(turn: Turn, turns: tuple[Turn, ...]) -> Iterator[None]:
    """While it lasts, the parameters of all other turns ask for no gradient: what they would compute is dropped anyway,
    and averaging over devices must not wait for it."""
    own = {id(parameter) for group in turn.groups for parameter in group.parameters}
    others = [
        parameter
        for other in turns
        for group in other.groups
        for parameter in group.parameters
        if id(parameter) not in own
    ]
    for parameter in others:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in others:
            parameter.requires_grad_(True)
