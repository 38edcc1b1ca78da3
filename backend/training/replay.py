# SPDX-License-Identifier: GPL-3.0-or-later
"""One decoder for many people that forgets none of them: RodinHD's stage 1 (arXiv 2407.06938).

Task replay: people are visited in turn, shortly and often. Between visits a person's planes and memory rest on disk, so
any number of people takes the memory of those being visited. Identity-aware weight consolidation holds the decoder near
the weights that a person last saw, each weight by how much that person cared for it then:
L = L_fit + lambda * sum_i Omega_i (w_i - w*_i)^2, with Omega the squared gradient; only the state of the person being
visited enters. Rodin's random rescaling and noise of the planes keep the decoder usable at other sizes.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.fields import TriplaneField
from ..geometry.triplane import Triplane
from ..models.decoder import DecoderConfig, FieldDecoder
from ..weights.store import RodinModel
from .objective import ObjectiveConfig, Subject, losses
from .photometric import PhotometricConfig
from .quality import mean_psnr
from .replay_state import PeopleStates, PersonState, load_run, save_run
from .starts import adapted_decoder, adapted_planes, encoded_planes, fresh_planes
from .subjects import SubjectData, Subjects

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanesConfig:
    """Size of the planes of one person."""

    resolution: int = 64
    channels: int = 16

    @classmethod
    def tiny(cls) -> "PlanesConfig":
        """For tests."""
        return cls(resolution=16, channels=8)

    @classmethod
    def rodin(cls) -> "PlanesConfig":
        """As Rodin."""
        return cls(resolution=256, channels=32)

    @classmethod
    def rodinhd(cls) -> "PlanesConfig":
        """As RodinHD; one person is 100 MB in single precision, and Adam keeps two more of them."""
        return cls(resolution=512, channels=32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayConfig:
    """How the shared decoder is learned."""

    planes: PlanesConfig = field(default_factory=PlanesConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    hidden: int = 64
    """Width of the decoder's hidden layers."""
    visits: int = 4
    """Times that each person is fitted."""
    steps: int = 50
    """Steps of one visit."""
    together: int = 1
    """People per step: one on a processor, as many as memory allows on a GPU."""
    plane_rate: float = 0.02
    """Learning rate of the planes at the start of a first visit."""
    plane_rate_within: float = 0.1
    """What is left of it at the end of a visit."""
    plane_rate_drop: float = 0.5
    """At visit v (from 0) the rate is divided by drop * v + 1; RodinHD has 10 at thirty visits."""
    decoder_rate: float = 2e-3
    decoder_rate_end: float = 0.1
    """What is left of the decoder's rate at the end of the run."""
    weight_decay: float = 0.0
    """Of the decoder, decoupled."""
    consolidation: float = 0.1
    """Lambda of weight consolidation; a person's first visit has none."""
    rescale_share: float = 0.25
    """Share of steps in which planes are shrunk to a random size and enlarged again."""
    rescale_least: float = 0.5
    """Least such size, as a share of the resolution."""
    noise: float = 0.001
    """Deviation of noise on the planes in those steps."""
    start: Literal["encoder", "mean"] = "mean"
    """First planes: what the shipped networks make of the axis views, or the mean of the people visited so far."""
    first_emphasis: float = 10.0
    """Factor of the point terms in first visits from the mean: pictures say little before there is a shape."""
    judge_every: int = 3
    """Every so many held-out views are rendered after the last visit, to measure forgetting."""

    @classmethod
    def tiny(cls) -> "ReplayConfig":
        """For tests."""
        photometric = PhotometricConfig(rays=128, pool=2048, beta=0.01)
        objective = ObjectiveConfig(photometric=photometric, points=256, surface_points=128, refresh_every=20)
        return cls(planes=PlanesConfig.tiny(), objective=objective, hidden=16, visits=2, steps=20)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "ReplayConfig":
        """From what `dataclasses.asdict` made."""
        objective = dict(stored["objective"])
        objective["photometric"] = PhotometricConfig(**objective["photometric"])
        nested = {"planes": PlanesConfig(**stored["planes"]), "objective": ObjectiveConfig(**objective)}
        return cls(**(stored | nested))

    def decoder(self) -> DecoderConfig:
        """The decoder's configuration."""
        return DecoderConfig(channels=self.planes.channels, hidden=self.hidden)


@dataclass(frozen=True, slots=True)
class Visited:
    """Told after each visit."""

    done: int
    """Visits so far, of all people together."""
    wanted: int
    names: tuple[str, ...]
    losses: dict[str, float]
    """Weighted terms of the last step."""
    psnr: tuple[float, ...]
    """Held-out quality, dB, where it was measured."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Shared:
    """What stage 1 leaves for stage 2."""

    config: ReplayConfig
    decoder: FieldDecoder
    mean: Float[Tensor, "3 C R R"]
    """Mean of the planes of all people."""


@dataclass(frozen=True, slots=True)
class Memory:
    """How well a person is remembered."""

    name: str
    then: float
    """PSNR right after the last visit, dB."""
    now: float
    """PSNR of the same planes with the final decoder."""


def replay(
    subjects: Subjects,
    out: Path,
    config: ReplayConfig,
    *,
    seed: int = 0,
    device: torch.device | None = None,
    model: RodinModel | None = None,
    minutes: float | None = None,
    report: Callable[[Visited], None] = lambda _: None,
) -> Shared:
    """Fit everyone, `config.visits` times in turn; a killed run goes on where it was, to the same end.

    `model` holds the shipped networks; with it the decoder starts from theirs, and `start="encoder"` needs it. With
    `minutes` the run stops after the visit in which they have passed, and a later call continues it.
    """
    run = _Run(subjects, out, config, seed, device or torch.device("cpu"), model)
    started = time.monotonic()
    while not run.finished:
        report(run.visit())
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            break
    return run.shared()


def load_shared(out: Path) -> Shared:
    """Decoder and mean planes of a run.

    Raises FileNotFoundError if the folder holds none.
    """
    state = load_run(out)
    if state is None:
        raise FileNotFoundError(f"{out} holds no run of task replay")
    config = ReplayConfig.from_json(state["config"])
    decoder = FieldDecoder(config.decoder())
    decoder.load_state_dict(state["decoder"])
    return Shared(config, decoder.eval().requires_grad_(False), state["mean"])


def stored_planes(out: Path, name: str) -> tuple[Float[Tensor, "3 C R R"], float | None]:
    """A person's planes as the last visit left them, and the quality measured then."""
    state = load_run(out)
    if state is None:
        raise FileNotFoundError(f"{out} holds no run of task replay")
    person = PeopleStates(out / "people").load(name, state["visits"].get(name, 0))
    return person.planes, person.psnr


def memories(subjects: Subjects, out: Path) -> list[Memory]:
    """Everyone's quality at the last visit and now, in the order of the last round."""
    shared, state = load_shared(out), load_run(out)
    names = visiting_order(subjects.names, state["seed"], shared.config.visits - 1) if state else []
    found = []
    for name in names:
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


def rescaled(
    planes: Float[Tensor, "B 3 C R R"], config: ReplayConfig, random: torch.Generator
) -> Float[Tensor, "B 3 C R R"]:
    """The planes as a smaller size would have them, with noise; most times the planes themselves (Rodin)."""
    if float(torch.rand((), generator=random)) >= config.rescale_share:
        return planes
    batch, _, channels, side, _ = planes.shape
    least = max(2, round(config.rescale_least * side))
    size = int(torch.randint(least, side + 1, (), generator=random))
    flat = planes.reshape(batch * 3, channels, side, side)
    small = functional.interpolate(flat, size=(size, size), mode="bicubic", align_corners=False, antialias=True)
    again = functional.interpolate(small, size=(side, side), mode="bicubic", align_corners=False)
    noise = torch.randn(again.shape, generator=random).to(again.device)
    return (again + config.noise * noise).reshape(planes.shape)


class _Run:
    """A run between two visits."""

    def __init__(
        self,
        subjects: Subjects,
        out: Path,
        config: ReplayConfig,
        seed: int,
        device: torch.device,
        model: RodinModel | None,
    ) -> None:
        if config.start == "encoder" and model is None:
            raise ValueError("planes from the encoder need the shipped networks")
        self._subjects, self._out, self._config, self._seed = subjects, out, config, seed
        self._device, self._model = device, model
        self._states = PeopleStates(out / "people")
        random = torch.Generator().manual_seed(seed)
        self._decoder = adapted_decoder(model.decoder if model else None, config.decoder(), random).to(device)
        self._optimiser = torch.optim.AdamW(
            self._decoder.parameters(), lr=config.decoder_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        self._visits: dict[str, int] = {}
        self._done = 0
        size = (3, config.planes.channels, config.planes.resolution, config.planes.resolution)
        self._sum, self._mean = (
            torch.zeros(size),
            fresh_planes(config.planes.channels, config.planes.resolution, random),
        )
        if (state := load_run(out)) is not None:
            if ReplayConfig.from_json(state["config"]) != config or state["seed"] != seed:
                raise ValueError(f"{out} holds a run of another configuration; choose another folder or delete it")
            self._decoder.load_state_dict(state["decoder"])
            self._optimiser.load_state_dict(state["optimiser"])
            self._visits, self._done = state["visits"], state["done"]
            self._sum, self._mean = state["sum"], state["mean"]
            logger.info("task replay goes on after %d visits", self._done)

    @property
    def finished(self) -> bool:
        return self._done >= self._wanted

    @property
    def _wanted(self) -> int:
        return len(self._subjects) * self._config.visits

    def shared(self) -> Shared:
        decoder = FieldDecoder(self._config.decoder())
        decoder.load_state_dict({name: value.detach().cpu() for name, value in self._decoder.state_dict().items()})
        return Shared(self._config, decoder.eval().requires_grad_(False), self._mean.clone())

    def visit(self) -> Visited:
        """Fit the next people of the round, store them, and take note."""
        started = time.monotonic()
        config = self._config
        turn, first = divmod(self._done, len(self._subjects))
        names = visiting_order(self._subjects.names, self._seed, turn)[first : first + config.together]
        random = torch.Generator().manual_seed((self._seed * 100_003 + turn) * 1_000_003 + first)
        data = [self._subjects.load(name) for name in names]
        former = [self._states.load(name, turn) if turn else None for name in names]
        subjects = [Subject(config.objective, one.views, one.points, self._device) for one in data]
        starts = [self._start(one) if state is None else state.planes for one, state in zip(data, former, strict=True)]
        planes, terms = self._fit(torch.stack(starts).to(self._device), subjects, former, turn, random)
        fishers = [self._fisher(planes[k : k + 1], subject, random) for k, subject in enumerate(subjects)]
        weights = {name: value.detach().clone() for name, value in self._decoder.named_parameters()}
        last = turn == config.visits - 1
        quality = []
        for k, (name, one) in enumerate(zip(names, data, strict=True)):
            kept = planes[k].cpu()
            psnr = None
            if last and one.held_out is not None and config.judge_every:
                field_now = TriplaneField(Triplane(planes[k : k + 1]), self._decoder)
                psnr = mean_psnr(field_now, one.held_out, config.judge_every)
                quality.append(psnr)
            state = former[k]
            self._sum += kept - (state.planes if state is not None else 0)
            self._states.save(name, PersonState(kept, turn + 1, weights, fishers[k], psnr))
            self._visits[name] = turn + 1
        self._mean = self._sum / len(self._visits)
        self._done += len(names)
        save_run(
            self._out, config=asdict(config), seed=self._seed, done=self._done, visits=self._visits,
            decoder=self._decoder.state_dict(), optimiser=self._optimiser.state_dict(), sum=self._sum, mean=self._mean,
        )  # fmt: skip
        for name in names:
            self._states.forget(name, turn)
        values = {name: float(value.detach()) for name, value in terms.items()}
        return Visited(self._done, self._wanted, tuple(names), values, tuple(quality), time.monotonic() - started)

    def _start(self, one: SubjectData) -> Float[Tensor, "3 C R R"]:
        if self._config.start == "encoder" and self._model is not None and one.points is not None:
            planes, size = encoded_planes(self._model, one.points), self._config.planes
            return adapted_planes(planes, size.channels, size.resolution)
        return self._mean

    def _fit(
        self,
        start: Float[Tensor, "B 3 C R R"],
        subjects: list[Subject],
        former: list[PersonState | None],
        turn: int,
        random: torch.Generator,
    ) -> tuple[Float[Tensor, "B 3 C R R"], dict[str, Tensor]]:
        """One visit: so many steps of the planes and of the decoder."""
        config = self._config
        planes = start.clone().requires_grad_(True)
        peak = config.plane_rate / (config.plane_rate_drop * turn + 1)
        optimiser = torch.optim.Adam([planes], lr=peak, betas=(0.9, 0.99))
        remaining = config.decoder_rate_end ** (self._done / self._wanted)
        for group in self._optimiser.param_groups:
            group["lr"] = config.decoder_rate * remaining
        emphasis = config.first_emphasis if turn == 0 and config.start == "mean" else 1.0
        objective = replace(
            config.objective,
            sdf_weight=emphasis * config.objective.sdf_weight,
            colour_weight=emphasis * config.objective.colour_weight,
        )
        terms: dict[str, Tensor] = {}
        for step in range(config.steps):
            optimiser.param_groups[0]["lr"] = peak * config.plane_rate_within ** (step / config.steps)
            if step % config.objective.refresh_every == 0:
                for own, subject in zip(planes.detach(), subjects, strict=True):
                    subject.refresh(own, self._decoder, random)
            terms = losses(rescaled(planes, config, random), self._decoder, subjects, objective, random)
            if config.consolidation:
                terms |= self._consolidation(former)
            optimiser.zero_grad(set_to_none=True)
            self._optimiser.zero_grad(set_to_none=True)
            torch.stack(list(terms.values())).sum().backward()
            optimiser.step()
            self._optimiser.step()
        return planes.detach(), terms

    def _consolidation(self, former: list[PersonState | None]) -> dict[str, Tensor]:
        """The decoder's distance from what each of these people last saw, weighed by how much they cared."""
        known = [state for state in former if state is not None]
        if not known:
            return {}
        total = torch.zeros((), device=self._device)
        for state in known:
            for name, weight in self._decoder.named_parameters():
                fisher, anchor = state.fisher[name].to(self._device), state.decoder[name].to(self._device)
                total = total + (fisher * (weight - anchor).square()).sum()
        return {"consolidation": self._config.consolidation * total / len(former)}

    def _fisher(
        self, planes: Float[Tensor, "1 3 C R R"], subject: Subject, random: torch.Generator
    ) -> dict[str, Tensor]:
        """Squared gradient of one person's loss on one minibatch (diagonal Fisher, as RodinHD's code)."""
        terms = losses(planes, self._decoder, [subject], self._config.objective, random)
        names, weights = zip(*self._decoder.named_parameters(), strict=True)
        # A head that the loss does not touch has no say.
        gradients = torch.autograd.grad(torch.stack(list(terms.values())).sum(), weights, materialize_grads=True)
        return {name: gradient.square() for name, gradient in zip(names, gradients, strict=True)}
