# SPDX-License-Identifier: GPL-3.0-or-later
"""A generator follows a sentence: score distillation into its networks, while its people stay who they are.

Lei et al. 2023 (DiffusionGAN3D), section 3.2. Where the prior knows exactly what the sentence looks like on a surface
that is there (`painted`), the generator is shown that in place of a gradient. A run is a generator of progress, one
step each; its folder holds the checkpoint, the curves and a picture now and then, and the same call continues it.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .. import __version__
from ..geometry.cameras import Camera
from ..synthesis.base import Progress
from ..training.loop import Average, Clock, Curves, load_checkpoint, save_checkpoint
from .adaptable import Adaptable
from .distillation import Words, opinion, surrogate
from .diversity import diversity_ratio, relative_distance_loss
from .errors import AdaptationError
from .locality import Response, reconstruction_loss, response_map, sided
from .painted import Painter, painted_error
from .plan import AdaptPlan
from .prior import Paints, PicturePrior
from .smoothness import multi_scale_variation

STAGE = "adapting"
CHECKPOINT, CURVES, RESULT = "adapt.pt", "adapt.jsonl", "style.safetensors"
SHEET_PEOPLE, SHEET_TURNS = 4, (0.0, 0.7)
SHEET_SEED = 20_26
MEASURED = 16
"""People whose distances say how much of the variety is left."""
SOLID = 0.9
"""Coverage above which a pixel shows a surface that a painted look must not dent."""
PATIENCE = 10
"""Steps in a row without a finite gradient after which a run is lost."""

Where = Callable[[Float[Tensor, "B 3 S S"]], Float[Tensor, "B 1 S S"]]
"""Pictures over white, in [0, 1], to where they may change, in [0, 1]."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Adapted:
    """A generator that follows the sentence."""

    path: Path
    """Its file, in the form of the library."""
    recipe: dict[str, Any]
    """How it was made; the file holds it, too."""
    sheet: UInt8[np.ndarray, "H W 3"]
    """The same people before and after."""


def adapt(
    generator: Adaptable,
    prior: PicturePrior,
    plan: AdaptPlan,
    folder: Path,
    styles: Float[Tensor, "1 K W"] | None = None,
    where: Where | None = None,
) -> Generator[Progress, None, Adapted]:
    """Progress after each step, at last the file; closing it saves a checkpoint that the same call continues.

    With `styles`, one person is adapted instead of everybody: there is nobody to keep apart. Where the rest is kept,
    `where` says in pictures of before what may change; the prior's own response to the sentence unless given. Raises
    AdaptationError if the folder holds a run of another plan, or if gradients stay infinite.
    """
    run = _Run(generator, prior, plan, folder, styles, where)
    try:
        while run.clock.progress < 1:
            started = time.monotonic()
            run.step()
            run.clock.steps += 1
            due = run.clock.steps % plan.sheet_every == 0 or run.clock.steps == 1
            preview = run.sheet() if due else None
            run.clock.seconds += time.monotonic() - started
            if run.clock.steps % plan.save_every == 0:
                run.save()
            yield Progress(STAGE, run.clock.steps / plan.steps, preview)
    finally:
        run.save()
    return run.finish()


class _Run:
    """The state of an adaptation."""

    def __init__(
        self,
        generator: Adaptable,
        prior: PicturePrior,
        plan: AdaptPlan,
        folder: Path,
        styles: Tensor | None,
        where: Where | None,
    ) -> None:
        self.where = where
        self.generator, self.prior, self.plan, self.folder, self.styles = generator, prior, plan, folder, styles
        self.before = generator.frozen()
        self.painter = prior.painter(plan.prompt) if plan.painted and isinstance(prior, Paints) else None
        generator.network.requires_grad_(False)
        self.groups = generator.groups(everybody=self.painter is not None)
        rates = {name: learned.rate for name, learned in self.groups.items()}
        if "case" in rates:
            rates["case"] = plan.case_rate
        for learned in self.groups.values():
            for parameter in learned.parameters:
                parameter.requires_grad_(True)
        self.optimiser = torch.optim.Adam(
            [{"params": list(learned.parameters), "rate": rates[name]} for name, learned in self.groups.items()],
            lr=plan.learning_rate, betas=(0.5, 0.99),
        )  # fmt: skip
        self.learned = [parameter for learned in self.groups.values() for parameter in learned.parameters]
        self.random = torch.Generator().manual_seed(plan.seed)
        self.average = Average(generator.network, plan.average)
        self.clock = Clock(None, step_limit=plan.steps)
        self.words = None if self.painter else Words.of(prior, plan.prompt, plan.negative)
        self.infinite = 0
        self._resume()
        self.curves = Curves(folder / CURVES, self.clock)

    def step(self) -> None:
        """One step of all that learns."""
        plan = self.plan
        for group in self.optimiser.param_groups:
            group["lr"] = plan.learning_rate * group["rate"] * self._share()
        losses = self.losses() if self.painter is None else self.painted(self.painter)
        self.optimiser.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        norm = torch.nn.utils.clip_grad_norm_(self.learned, 10.0)
        self.infinite = 0 if bool(norm.isfinite()) else self.infinite + 1
        if self.infinite > PATIENCE:
            raise AdaptationError(
                f"no finite gradient in {PATIENCE} steps, at step {self.clock.steps}", "Lower the learning rate."
            )
        if not self.infinite:
            self.optimiser.step()
            self.average.update(self.generator.network, self.clock.steps)
        self.curves.add(**losses)

    def losses(self) -> dict[str, Tensor]:
        """Weighted losses of one batch of people."""
        plan, generator = self.plan, self.generator
        styles = self._drawn()
        planes = generator.planes(styles)
        with torch.no_grad():
            planes_before = self.before.planes(styles)
        shots, shots_before = [], []
        for index in range(len(styles)):
            camera, drawn = self._camera(), int(torch.randint(2**31, (), generator=self.random))
            one = slice(index, index + 1)
            sight = (camera, plan.side, plan.samples)
            shots.append(generator.shoot(planes[one], styles[one], *sight, torch.Generator().manual_seed(drawn)))
            if self._compares:
                with torch.no_grad():  # the same rays and samples: what differs is the generator's doing
                    again = torch.Generator().manual_seed(drawn)
                    shots_before.append(self.before.shoot(planes_before[one], styles[one], *sight, again))
        pictures = torch.stack([shot.rgb for shot in shots]) * 2 - 1
        assert self.words is not None
        latents = self.prior.encode(sided(pictures, self.prior.side).to(self.prior.device))
        said = opinion(self.prior, latents, self.words, plan.distillation, self.random, self.clock.progress)
        gradient, response = said.gradient, None
        if plan.keep == "rest":
            past = torch.stack([shot.rgb for shot in shots_before]) * 2 - 1
            response = self._response(past)
            if self.where is not None:  # a place that is known for sure: elsewhere the sentence has no say
                gradient = gradient * sided(response, gradient.shape[-1]).to(gradient)
        losses = {"distilled": surrogate(latents, gradient).to(pictures.device)} | self._held(planes, planes_before)
        if self._compares:
            coverage, coverage_before = (torch.stack([shot.alpha for shot in each]) for each in (shots, shots_before))
            losses["shape"] = plan.shape_weight * (coverage - coverage_before).square().mean()
        if response is not None:
            losses["rest"] = plan.rest_weight * reconstruction_loss(pictures, past, response)
        return losses

    def painted(self, paint: Painter) -> dict[str, Tensor]:
        """Weighted losses of one batch of people beside what they shall look like."""
        plan, generator = self.plan, self.generator
        styles = self._drawn()
        planes = generator.planes(styles)
        with torch.no_grad():
            planes_before = self.before.planes(styles)
        off, moved, dented = [], [], []
        for index in range(len(styles)):
            one, camera = slice(index, index + 1), self._camera()
            sight = self.before.look(planes_before[one], styles[one], camera, plan.side, plan.samples)
            shot = generator.shoot(planes[one], styles[one], camera, plan.side, plan.samples, self.random)
            off.append(painted_error(shot.rgb, paint(sight), sight))
            moved.append((shot.alpha - sight.alpha).square().mean())
            solid = (sight.alpha > SOLID) & (shot.alpha.detach() > SOLID)
            dented.append(((shot.distance - sight.distance()).abs() * solid).mean())
        losses = {"painted": plan.painted_weight * torch.stack(off).mean()}
        losses["shape"] = plan.shape_weight * torch.stack(moved).mean()
        losses["surface"] = plan.surface_weight * torch.stack(dented).mean()
        return losses | self._held(planes, planes_before)

    def sheet(self) -> UInt8[np.ndarray, "H W 3"]:
        """The same people before (above) and now, from two sides; also written into the folder."""
        picture = draw_sheet(self.before, self._averaged(), self.plan.truncation, self.plan.side, self.styles)
        from PIL import Image

        self.folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(self.folder / f"adapt_{self.clock.steps:06d}.png")
        return picture

    def save(self) -> None:
        """Write the checkpoint."""
        if self.curves.means():
            self.curves.flush()
        save_checkpoint(
            self.folder / CHECKPOINT, self.clock, plan=json.dumps(self.plan.to_json()),
            model=self.generator.model_hash, network=self.generator.network.state_dict(),
            optimiser=self.optimiser.state_dict(), average=self.average.weights, random=self.random.get_state(),
        )  # fmt: skip

    def finish(self) -> Adapted:
        """Write the model."""
        sheet = self.sheet()
        averaged = self._averaged()
        recipe = {
            "maquette": __version__, "kind": "style", "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "prompt": self.plan.prompt, "model": self.generator.name, "model_hash": self.generator.model_hash,
            "prior": {"name": self.prior.name, "fingerprint": self.prior.fingerprint}, "plan": self.plan.to_json(),
            "painted": None if self.painter is None else self.painter.told,
            "result": {"steps": self.clock.steps, "seconds": round(self.clock.seconds, 1),
                       "diversity": round(diversity(self.before, averaged, self.plan.truncation), 4)},
        }  # fmt: skip
        path = self.folder / RESULT
        self.generator.save(self.average.weights, path, recipe)
        return Adapted(path, recipe, sheet)

    def _held(self, planes: Tensor, planes_before: Tensor) -> dict[str, Tensor]:
        """Weighted losses of the planes alone."""
        plan, losses = self.plan, {}
        if plan.diversity_weight and len(planes) > 1:
            losses["apart"] = plan.diversity_weight * relative_distance_loss(planes, planes_before)
        if "case" in self.groups:
            (case,) = self.groups["case"].parameters
            losses["smooth"] = plan.smooth_weight * multi_scale_variation(case)
        return losses

    def _response(self, past: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B 1 S S"]:
        """Where pictures in [-1, 1] may change."""
        if self.where is not None:
            return self.where((past + 1) / 2).to(past)
        assert self.words is not None
        return response_map(self.prior, past.to(self.prior.device), self.words, Response(), self.random).to(past)

    @property
    def _compares(self) -> bool:
        return bool(self.plan.shape_weight) or self.plan.keep == "rest"

    def _averaged(self) -> Adaptable:
        copied = self.generator.frozen()
        copied.network.load_state_dict(self.average.weights)
        return copied

    def _drawn(self) -> Tensor:
        if self.styles is not None:
            return self.styles.expand(self.plan.batch, -1, -1)
        latents = self.generator.latents(self.plan.batch, self.random)
        return self.before.styles(latents, self.plan.truncation)

    def _camera(self) -> Camera:
        side, up, around = torch.rand(3, generator=self.random).tolist()
        reach = self.plan.yaw if around < 0.5 else math.pi
        return self.generator.camera((2 * side - 1) * reach, (2 * up - 1) * self.plan.pitch)

    def _share(self) -> float:
        """Of the learning rate: five steps to the peak, along a cosine to a tenth over the second half."""
        late = max(0.0, self.clock.progress - 0.5) * 2
        return min(1.0, (self.clock.steps + 1) / 5) * (0.1 + 0.45 * (1 + math.cos(math.pi * late)))

    def _resume(self) -> None:
        state = load_checkpoint(self.folder / CHECKPOINT, self.clock)
        if state is None:
            return
        if state["plan"] != json.dumps(self.plan.to_json()) or state["model"] != self.generator.model_hash:
            raise AdaptationError(
                f"{self.folder} holds an adaptation of another sentence, generator or setting",
                "Choose another folder, or say the same to continue it.",
            )
        self.generator.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        for name, value in state["average"].items():
            self.average.weights[name].copy_(value)
        self.random.set_state(state["random"])


@torch.no_grad()
def diversity(before: Adaptable, now: Adaptable, truncation: float, count: int = MEASURED) -> float:
    """How far apart people's planes are, over how far they were."""
    latents = before.latents(count, torch.Generator().manual_seed(SHEET_SEED))
    styles = before.styles(latents, truncation)
    return diversity_ratio(now.planes(styles), before.planes(styles))


@torch.no_grad()
def draw_sheet(
    before: Adaptable, now: Adaptable, truncation: float, side: int, styles: Tensor | None = None
) -> UInt8[np.ndarray, "H W 3"]:
    """People in columns; in rows before and now, for each side that is looked from."""
    if styles is None:
        styles = before.styles(before.latents(SHEET_PEOPLE, torch.Generator().manual_seed(SHEET_SEED)), truncation)
    drawn = [each.planes(styles) for each in (before, now)]
    rows = []
    for turn in SHEET_TURNS:
        for generator, planes in zip((before, now), drawn, strict=True):
            camera = generator.camera(turn, 0.05)
            shots = [generator.shoot(planes[i : i + 1], styles[i : i + 1], camera, side, 24, None)
                     for i in range(len(styles))]  # fmt: skip
            rows.append(torch.cat([shot.rgb for shot in shots], 2))
    picture = torch.cat(rows, 1).clamp(0, 1).permute(1, 2, 0)
    return np.ascontiguousarray((picture * 255).round().byte().cpu().numpy())


def forget(folder: Path) -> None:
    """Delete a run's checkpoint, so that the next one in its folder starts anew."""
    with suppress(FileNotFoundError):
        (folder / CHECKPOINT).unlink()
