# SPDX-License-Identifier: GPL-3.0-or-later
"""What task replay leaves behind: decoder, mean and everyone's planes, and how well each person is remembered."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.fields import TriplaneField
from ..geometry.triplane import Triplane
from ..models.decoder import FieldDecoder
from ..studio.dataset import DatasetError
from .quality import mean_psnr
from .replay_config import ReplayConfig
from .replay_state import PeopleStates, load_run
from .subjects import Subjects


@dataclass(frozen=True, slots=True)
class Shared:
    """What stage 1 leaves for stage 2."""

    config: ReplayConfig
    decoder: FieldDecoder
    mean: Float[Tensor, "3 C R R"]
    """Mean of the planes of all people."""
    people: tuple[str, ...] = ()
    """Those who were visited; `stored_planes` has theirs."""


@dataclass(frozen=True, slots=True)
class Memory:
    """How well a person is remembered."""

    name: str
    then: float
    """PSNR right after the last visit, dB."""
    now: float
    """PSNR of the same planes with the final decoder."""


def load_shared(out: Path) -> Shared:
    """Decoder and mean planes of a run.

    Raises DatasetError if the folder holds none.
    """
    state = load_run(out)
    if state is None:
        raise DatasetError(f"{out} holds no run of task replay", "Fit people with --method replay first.")
    config = ReplayConfig.from_json(state["config"])
    decoder = FieldDecoder(config.decoder())
    decoder.load_state_dict(state["decoder"])
    return Shared(config, decoder.eval().requires_grad_(False), state["mean"], tuple(state["visits"]))


def stored_planes(out: Path, name: str) -> tuple[Float[Tensor, "3 C R R"], float | None]:
    """A person's planes as the last visit left them, and the quality measured then.

    Raises DatasetError if the person was never visited.
    """
    states = PeopleStates(out / "people")
    person = states.load(name, states.visits(name))
    return person.planes, person.psnr


def memories(subjects: Subjects, out: Path) -> list[Memory]:
    """Quality at the last visit and now, in the order of the last round; of a run cut short, of those it came to."""
    shared, state = load_shared(out), load_run(out)
    names = visiting_order(subjects.names, state["seed"], shared.config.visits - 1) if state else []
    found = []
    for name in (name for name in names if name in shared.people):
        planes, then = stored_planes(out, name)
        held_out = subjects.load(name).held_out
        if then is None or held_out is None:
            continue
        field_now = TriplaneField(Triplane(planes[None]), shared.decoder)
        found.append(Memory(name, then, mean_psnr(field_now, held_out, shared.config.judge_every)))
    return found


def visiting_order(names: list[str], seed: int, turn: int) -> list[str]:
    """Everyone once, in another order each round; the first round keeps the order given."""
    if turn == 0:
        return list(names)
    random = torch.Generator().manual_seed(1_000_003 * seed + turn)
    return [names[index] for index in torch.randperm(len(names), generator=random).tolist()]
