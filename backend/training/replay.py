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
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.fields import TriplaneField
from ..geometry.triplane import Triplane
from ..models.decoder import FieldDecoder
from ..models.field_encoder import FieldEncoder
from ..studio.dataset import DatasetError
from .objective import Subject, losses
from .quality import mean_psnr
from .replay_config import PlanesConfig, ReplayConfig
from .replay_results import Memory, Shared, load_shared, memories, stored_planes, visiting_order
from .replay_state import PeopleStates, PersonState, load_run, save_run
from .starts import adapted_decoder, adapted_planes, encoded_planes, fresh_planes
from .subjects import SubjectData, Subjects

__all__ = [
    "Memory",
    "PlanesConfig",
    "ReplayConfig",
    "Shared",
    "Visited",
    "load_shared",
    "memories",
    "replay",
    "rescaled",
    "stored_planes",
    "visiting_order",
]
logger = logging.getLogger(__name__)


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


def replay(
    subjects: Subjects,
    out: Path,
    config: ReplayConfig,
    *,
    seed: int = 0,
    device: torch.device | None = None,
    model: FieldEncoder | None = None,
    minutes: float | None = None,
    report: Callable[[Visited], None] = lambda _: None,
) -> Shared:
    """Fit everyone, `config.visits` times in turn; a killed run goes on where it was, to the same end.

    `model` holds the shipped networks; with it the decoder starts from theirs, and `start="encoder"` needs it. With
    `minutes` the run stops after the visit in which they have passed, and a later call continues it. Raises
    DatasetError if `out` holds a run of other people or settings.
    """
    run = _Run(subjects, out, config, seed, device or torch.device("cpu"), model)
    started = time.monotonic()
    while not run.finished:
        report(run.visit())
        if minutes is not None and time.monotonic() - started > 60 * minutes:
            break
    return run.shared()


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
        model: FieldEncoder | None,
    ) -> None:
        if config.start == "encoder" and model is None:
            raise ValueError("planes from the encoder need the shipped networks")
        fits = model is not None and config.planes.channels >= model.codec.config.plane_channels
        self._encodes = config.start == "encoder" or (config.start == "auto" and fits)
        self._subjects, self._out, self._config, self._seed = subjects, out, config, seed
        self._device, self._model = device, model
        self._states = PeopleStates(out / "people")
        random = torch.Generator().manual_seed(seed)
        self._decoder = adapted_decoder(model.decoder if model else None, config.decoder(), random).to(device)
        self._optimiser = torch.optim.AdamW(
            self._decoder.parameters(), lr=config.decoder_rate, betas=(0.9, 0.99), weight_decay=config.weight_decay
        )
        logger.info(
            "planes of %d x %d x %d: %.0f MB for each of %d people at once",
            config.planes.resolution, config.planes.resolution, config.planes.channels, config.planes.megabytes,
            config.together,
        )  # fmt: skip
        self._visits: dict[str, int] = {}
        self._done = 0
        self._mean = fresh_planes(config.planes.channels, config.planes.resolution, random)
        self._sum = torch.zeros_like(self._mean)
        if (state := load_run(out)) is not None:
            same = ReplayConfig.from_json(state["config"]) == config and state["seed"] == seed
            if not same or state["names"] != subjects.names:
                other = "other people" if same else "another configuration"
                raise DatasetError(f"{out} holds a run of {other}", "Choose another folder, or delete this one.")
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
        return Shared(self._config, decoder.eval().requires_grad_(False), self._mean.clone(), tuple(self._visits))

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
            self._out, config=asdict(config), seed=self._seed, names=self._subjects.names,
            done=self._done, visits=self._visits, sum=self._sum, mean=self._mean,
            decoder=self._decoder.state_dict(), optimiser=self._optimiser.state_dict(),
        )  # fmt: skip
        for name in names:
            self._states.forget(name, turn)
        values = {name: float(value.detach()) for name, value in terms.items()}
        return Visited(self._done, self._wanted, tuple(names), values, tuple(quality), time.monotonic() - started)

    def _start(self, one: SubjectData) -> Float[Tensor, "3 C R R"]:
        if self._encodes and self._model is not None and one.points is not None:
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
        emphasis = config.first_emphasis if turn == 0 and not self._encodes else 1.0
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
