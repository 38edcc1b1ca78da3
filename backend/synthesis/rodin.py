# SPDX-License-Identifier: GPL-3.0-or-later
"""The default cascade: diffusion on latent planes, diffusion that enlarges them, field planes (Rodin, RodinHD)."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..diffusion.denoiser import Denoiser, at_time
from ..diffusion.samplers import dpm_solver
from ..geometry.fields import Field
from ..models.laying import lay_on_plane
from ..models.prior import Drawn
from ..weights import store
from ..weights.cascade import Cascade
from .base import Condition, Progress, Sample
from .inversion import invert
from .source import Source, SourceError
from .wishes import Wish, changed_embedding, person_seen, portrait_input, stack, suggested, wishes_of

GUIDANCE = 1.0
"""Classifier-free guidance where none is told: none. It costs twice the time and exaggerates what sentences say: light
brown skin becomes fair."""
TEMPERATURE = 0.0
"""Scale of the noise that the latent of a portrait starts from, where none is told. Without noise the first answer is
the mean of all people who fit, which is closest to each of them. Who a sentence or a seed means the prior draws, with
noise of its own; the base model only adds to that person."""
DRAWN_STEPS = 2
"""Denoising steps for a drawn person: the components, then what a look at them adds."""
UPSAMPLER_STEPS = 1
"""Small views say nearly all of the large ones: of held-out people one step and three differ by less than 0.02 dB."""
SHARES = {"sample": 0.55, "enlarge": 0.45}
"""Of the time, for the progress."""
PREVIEW_EVERY = 3
PREVIEW_SIZE = 192


class Rodin:
    """The shipped generator."""

    name = "rodin"

    def __init__(self, model: Cascade, model_hash: str, device: torch.device) -> None:
        self.model, self.model_hash, self.device = model.to(device), model_hash, device
        self.dtype = fastest_dtype(model, device)

    @classmethod
    def load(cls, device: torch.device, path: Path = store.DEFAULT) -> "Rodin":
        """Read the shipped weights."""
        return cls(store.load(path), store.file_hash(path), device)

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        """A new avatar, a changed one or a blend; progress after each step, with a preview now and then.

        Raises SourceError if an avatar to change was made by other weights.
        """
        return (yield from self.synthesize_batch([condition]))[0]

    def synthesize_batch(self, conditions: Sequence[Condition]) -> Generator[Progress, None, list[Sample]]:
        """Several avatars whose latents are sampled together: the networks are asked once a step for all of them."""
        sources = yield from self._sources(conditions)
        samples = []
        for index, (condition, (source, notes)) in enumerate(zip(conditions, sources, strict=True)):
            begin = SHARES["sample"] + SHARES["enlarge"] * index / len(conditions)
            end = SHARES["sample"] + SHARES["enlarge"] * (index + 1) / len(conditions)
            views = yield from self._enlarge(source, condition, begin, end)
            with self._precision():
                made = self.model.field(views)
            if condition.invert and condition.portrait is not None and condition.matte is not None:
                made = yield from invert(made, condition.portrait, condition.matte, condition.pose, condition.invert)
            samples.append(Sample(made, source, notes))
        return samples

    def drawn(self, person: Drawn) -> Generator[Progress, None, Field]:
        """The field of a person whom the prior could have drawn."""
        with self._inference():
            wish = Wish("seed", 1.0, *person_seen(self.model, person))
        latent = yield from self._solve(self._denoiser([[wish]], [GUIDANCE]), 0 * self._noise(0), DRAWN_STEPS)
        source = self._source(latent[0], person.z[0], 0)
        views = yield from self._enlarge(source, Condition(seed=0), SHARES["sample"], 1.0)
        with self._precision():
            return self.model.field(views)

    def _sources(
        self, conditions: Sequence[Condition]
    ) -> Generator[Progress, None, list[tuple[Source, tuple[str, ...]]]]:
        """The latent of each avatar."""
        found: list[tuple[Source, tuple[str, ...]] | None] = [self._known(condition) for condition in conditions]
        fresh = [index for index, known in enumerate(found) if known is None]
        if fresh:
            made = yield from self._sample([conditions[index] for index in fresh])
            for index, one in zip(fresh, made, strict=True):
                found[index] = one
        return [each for each in found if each is not None]

    def _known(self, condition: Condition) -> tuple[Source, tuple[str, ...]] | None:
        """Blends and edits, whose latents come from those of other avatars."""
        if condition.blend:
            return self._blended(condition), ()
        if condition.edit is not None:
            self._check(condition.edit.source)
            return self._edited(condition)
        return None

    def _sample(self, conditions: list[Condition]) -> Generator[Progress, None, list[tuple[Source, tuple[str, ...]]]]:
        """New avatars: one run of the solver for all that take as many steps."""
        with self._inference():
            wishes = [wishes_of(condition, self.model, self.device) for condition in conditions]
        pairs = list(zip(conditions, wishes, strict=True))
        portraits = [own.leading == "portrait" for own in wishes]
        warmth = [_or(condition.temperature, TEMPERATURE) if portrait else 0.0
                  for condition, portrait in zip(conditions, portraits, strict=True)]  # fmt: skip
        guidance = [_or(condition.guidance, GUIDANCE) for condition in conditions]
        noise = torch.cat([self._noise(each.seed) * scale for each, scale in zip(conditions, warmth, strict=True)])
        # Without noise further steps would leave the mean for a mode; a drawn person is one already.
        counts = [
            condition.steps if scale else 1 if portrait else DRAWN_STEPS
            for condition, scale, portrait in zip(conditions, warmth, portraits, strict=True)
        ]
        latents = torch.empty_like(noise)
        for count in sorted(set(counts)):
            rows = [row for row, own in enumerate(counts) if own == count]
            denoise = self._denoiser([wishes[row].wishes for row in rows], [guidance[row] for row in rows])
            latents[rows] = yield from self._solve(denoise, noise[rows], count)
        return [
            (self._source(latent, own.embedding, condition.seed), own.notes)
            for latent, (condition, own) in zip(latents, pairs, strict=True)
        ]

    def _solve(self, denoise: Denoiser, noise: Tensor, steps: int) -> Generator[Progress, None, Tensor]:
        latent = noise
        for step in dpm_solver(denoise, noise, steps, self.model.config.base_schedule):
            latent = step.x0
            wanted = step.index % PREVIEW_EVERY == 0 or step.index == step.count
            preview = self._preview(latent[:1]) if wanted else None
            yield Progress("sample", SHARES["sample"] * step.index / step.count, preview)
        return latent

    def _denoiser(self, wishes: list[list[Wish]], guidance: list[float]) -> Denoiser:
        """The weighted mean of what the network says to each wish of an avatar, for all avatars at once, moved away
        from what it says to none by classifier-free guidance."""
        model, free = self.model, self.model.base.nothing(1)
        seen, owners, weights = [], [], []
        for owner, own in enumerate(wishes):
            total = sum(wish.weight for wish in own)
            for wish in own:
                seen.append(wish.seen)
                owners.append(owner)
                weights.append(guidance[owner] * wish.weight / total)
            if guidance[owner] != 1:
                seen.append(free)
                owners.append(owner)
                weights.append(1 - guidance[owner])
        together = stack(seen)
        place = torch.tensor(owners, device=self.device)
        weight = torch.tensor(weights, device=self.device)[:, None, None, None]

        def network(x: Tensor, sigma: Tensor) -> Tensor:
            with self._inference():
                said = model.base(x[place], sigma[place], together).float()
            return torch.zeros_like(x).index_add_(0, place, weight * said)

        return at_time(network, model.config.base_schedule)

    def _edited(self, condition: Condition) -> tuple[Source, tuple[str, ...]]:
        """Rodin's edit, kept from touching what the sentence does not speak of: the mean person at z and the mean
        person that the sentence makes of it differ by what is added to the avatar, above its clothes."""
        edit = condition.edit
        if edit is None:
            raise ValueError("an edit was expected")
        source = edit.source
        z = self._tensor(source.embedding)[None]
        with self._inference():
            target, notes = changed_embedding(self.model.embedding, z, edit.sentence)
            changes = stack([suggested(self.model, each) for each in (z, target)])
            silence = torch.zeros(self.model.latent_shape(2), device=self.device)
            before, after = self.model.base(silence, torch.ones(2, device=self.device), changes).float()
        change = (after - before) * head_only(before.shape[-2]).to(before)
        latent = self._tensor(source.latent) + edit.strength * change
        moved = z[0] + edit.strength * (target - z)[0]
        return self._source(latent, moved / moved.square().mean().sqrt(), source.seed), notes

    def _blended(self, condition: Condition) -> Source:
        """The weighted mean of avatars."""
        if condition.layers is not None:
            raise SourceError("this generator has no layers of styles to mix", "Leave layers out.")
        total = sum(weight for _, weight in condition.blend)
        for source, _ in condition.blend:
            self._check(source)
        latent = sum(self._tensor(source.latent) * (weight / total) for source, weight in condition.blend)
        z = sum(self._tensor(source.embedding) * (weight / total) for source, weight in condition.blend)
        if not isinstance(latent, Tensor) or not isinstance(z, Tensor):
            raise ValueError("a blend needs avatars")
        return self._source(latent, z / z.square().mean().sqrt().clamp(min=1e-6), condition.blend[0][0].seed)

    def _enlarge(
        self, source: Source, condition: Condition, begin: float, end: float
    ) -> Generator[Progress, None, Float[Tensor, "1 K S W"]]:
        """Views of the full side, given the portrait if the avatar is one of it."""
        model, schedule = self.model, self.model.config.upsampler_schedule
        with self._inference():
            low = model.small_views(self._tensor(source.latent)[None])
            laid = self._laid(condition)
        size = model.config.upsampler.view_size
        draw = torch.Generator().manual_seed(condition.seed + 1)
        noise = torch.randn((1, low.shape[1], size, 3 * size), generator=draw).to(self.device)

        def network(x: Tensor, sigma: Tensor) -> Tensor:
            with self._inference():
                return model.upsampler(x, sigma, low, laid).float()

        views = noise
        for step in dpm_solver(at_time(network, schedule), noise, UPSAMPLER_STEPS, schedule):
            views = step.x0
            yield Progress("enlarge", begin + (end - begin) * step.index / step.count)
        return views

    def _laid(self, condition: Condition) -> Float[Tensor, "1 4 S S"]:
        """The portrait on the frontal plane, or zeros."""
        size = self.model.config.upsampler.view_size
        changed = condition.edit is not None or bool(condition.blend)
        if condition.portrait is None or changed:
            return torch.zeros(1, 4, size, size, device=self.device)
        picture = portrait_input(condition, condition.portrait.shape[0], self.device)
        angles = torch.tensor([condition.pose or (0.0, 0.0)])
        depth = functional.interpolate(self.model.base.depth[None, None], (size, size), mode="bilinear")[0, 0]
        return lay_on_plane(picture, angles, depth)

    def _source(self, latent: Tensor, z: Tensor, seed: int) -> Source:
        return Source(
            latent.float().cpu().numpy().astype(np.float16), z.float().cpu().numpy().astype(np.float16),
            self.model_hash, seed,
        )  # fmt: skip

    def _check(self, source: Source) -> None:
        fits = source.latent.shape == self.model.latent_shape(1)[1:]
        if source.model_hash != self.model_hash or not fits:
            raise SourceError(
                "this avatar was made by other weights than those that are loaded",
                "Generate it again, then change it.",
            )

    def _noise(self, seed: int) -> Float[Tensor, "1 L R W"]:
        draw = torch.Generator().manual_seed(seed)
        return torch.randn(self.model.latent_shape(1), generator=draw).to(self.device)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self.device)

    def _preview(self, latent: Float[Tensor, "1 L R W"]) -> np.ndarray:
        """The frontal view that a latent stands for."""
        front = self.model.small_views(latent)[:, :4, :, : self.model.config.codec.view_size].flip(2) / 2 + 0.5
        front = functional.interpolate(front.clamp(0, 1), (PREVIEW_SIZE, PREVIEW_SIZE), mode="bicubic").clamp(0, 1)
        over = front[0, :3] + 0.9 * (1 - front[0, 3:])
        return (over.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()

    def _precision(self) -> AbstractContextManager[object]:
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    @contextmanager
    def _inference(self) -> Iterator[None]:
        with torch.inference_mode(), self._precision():
            yield


def head_only(side: int) -> Float[Tensor, "R W"]:
    """1 where planes of this side, rolled out, hold the head, falling to 0 where they hold clothes."""
    line = (torch.arange(side) + 0.5) / side * 2 - 1
    above = ((line + 0.45) / 0.25).clamp(0, 1)  # along y
    inner = ((0.6 - torch.hypot(line[:, None], line)) / 0.15).clamp(0, 1)  # seen from above
    return torch.cat([above[:, None].expand(side, side), inner, above.expand(side, side)], 1)


def _or(told: float | None, own: float) -> float:
    return own if told is None else told


@torch.inference_mode()
def fastest_dtype(model: Cascade, device: torch.device) -> torch.dtype:
    """bfloat16 or float32, whichever runs a step faster here.

    CPUs without matrix units take six times longer in bfloat16, so this is measured, never assumed.
    """
    x = torch.zeros(model.latent_shape(1), device=device)
    sigma, condition = torch.full((1,), 0.5, device=device), model.base.nothing(1)
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        with nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype):
            times = []
            for _ in range(3):
                started = time.perf_counter()
                model.base(x, sigma, condition)[0, 0, 0, 0].item()
                times.append(time.perf_counter() - started)
        seconds[dtype] = min(times[1:])
    return min(seconds, key=lambda dtype: seconds[dtype])
