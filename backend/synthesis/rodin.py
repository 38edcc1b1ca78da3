# SPDX-License-Identifier: GPL-3.0-or-later
"""The cascade: diffusion on latent planes, then the light upsampler to field planes (Rodin, RodinHD)."""

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..diffusion.denoiser import Network, at_time, guided
from ..diffusion.samplers import dpm_solver
from ..geometry.alignment import CROP_SIZE, MEAN_FACE, aligned_camera
from ..geometry.cameras import orbit
from ..geometry.fields import TriplaneField
from ..geometry.rendering import render
from ..models.triplane_unet import Seen
from ..weights import store
from .base import Condition, Progress

PORTRAIT_GUIDANCE = 1.0
"""Without extrapolation: RodinHD's 1.3 cost 0.4 dB on held-out people, and twice the time."""
SEED_GUIDANCE = 1.3
"""RodinHD's scale for people from seeds, whose own vague picture is the portrait: a detector finds more faces."""
PREVIEW_SIZE = 96
PREVIEW_EVERY = 3
"""Steps between previews: one costs about as much as a step."""


class Rodin:
    """The shipped generator."""

    name = "rodin"

    def __init__(self, model: store.RodinModel, model_hash: str, device: torch.device) -> None:
        self.model, self.model_hash, self.device = model.to(device), model_hash, device
        self.dtype = fastest_dtype(model, device)

    @classmethod
    def load(cls, device: torch.device, path: Path = store.DEFAULT) -> "Rodin":
        """Read the shipped weights."""
        return cls(store.load(path), store.file_hash(path), device)

    def synthesize(self, condition: Condition) -> Generator[Progress, None, TriplaneField]:
        """Sample a triplane; progress after each step, with a preview now and then.

        Without a portrait a first, vague person is sampled from nothing but the seed, and a picture of it becomes the
        portrait of the final one: the network is far surer of people that it can look at.
        """
        if condition.portrait is not None:
            return (yield from self._sample(condition, 0.0, 1.0))
        vague = yield from self._sample(condition, 0.0, 0.5)
        portrait, matte = self._picture(vague)
        guidance = SEED_GUIDANCE if condition.guidance is None else condition.guidance
        sitting = replace(condition, portrait=portrait, matte=matte, guidance=guidance)
        return (yield from self._sample(sitting, 0.5, 1.0))

    def _sample(self, condition: Condition, begin: float, end: float) -> Generator[Progress, None, TriplaneField]:
        """One run of the solver, as the stretch from `begin` to `end` of the whole."""
        config = self.model.unet.config
        noise = torch.randn(
            (1, config.latent_channels, config.latent_size, 3 * config.latent_size),
            generator=torch.Generator().manual_seed(condition.seed),
        ).to(self.device)
        denoise = at_time(self._network(condition), self.model.schedule)
        latent = noise
        for step in dpm_solver(denoise, noise, condition.steps, self.model.schedule):
            latent = step.x0
            wanted = step.index % PREVIEW_EVERY == 0 and step.index < step.count
            preview = self._preview(latent) if wanted else None
            yield Progress("sample", begin + (end - begin) * step.index / step.count, preview)
        return self.model.field(latent)

    def _picture(self, field: TriplaneField) -> tuple[np.ndarray, np.ndarray]:
        """An aligned frontal picture of a field and its matte, as a photograph would give them."""
        view = render(field, aligned_camera(MEAN_FACE), CROP_SIZE // 2, CROP_SIZE // 2, background=0.5)
        return (view.rgb.clamp(0, 1) * 255).round().byte().cpu().numpy(), view.alpha.cpu().numpy()

    def _network(self, condition: Condition) -> Network:
        """The network with this condition, guided where there is a portrait."""
        unet = self.model.unet

        @torch.inference_mode()
        def ask(x: Tensor, sigma: Tensor, known: Seen) -> Tensor:
            with self._precision():
                return unet(x, sigma, known).float()

        with torch.inference_mode():
            free = unet.no_condition(1)
            if condition.portrait is None:
                return lambda x, sigma: ask(x, sigma, free)
            with self._precision():
                seen = unet.condition(self._portrait(condition))
        scale = PORTRAIT_GUIDANCE if condition.guidance is None else condition.guidance
        if scale == 1:
            return lambda x, sigma: ask(x, sigma, seen)
        return guided(lambda x, sigma: ask(x, sigma, seen), lambda x, sigma: ask(x, sigma, free), scale)

    def _portrait(self, condition: Condition) -> Float[Tensor, "1 4 H W"]:
        """The encoder's input: the person before grey, with the matte as the fourth channel."""
        picture = torch.from_numpy(np.ascontiguousarray(condition.portrait)).permute(2, 0, 1).float() / 127.5 - 1
        matte = torch.ones_like(picture[:1])
        if condition.matte is not None:
            matte = torch.from_numpy(np.ascontiguousarray(condition.matte, np.float32))[None]
        joined = torch.cat([picture * matte, matte * 2 - 1])[None]
        size = self.model.unet.config.portrait.image_size
        return functional.interpolate(joined, (size, size), mode="area").to(self.device)

    def _precision(self) -> AbstractContextManager[object]:
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def _preview(self, latent: Float[Tensor, "1 L R W"]) -> np.ndarray:
        view = render(self.model.field(latent), orbit(0.25, 0.05), PREVIEW_SIZE, PREVIEW_SIZE, background=0.9)
        return (view.rgb.clamp(0, 1) * 255).round().byte().cpu().numpy()


@torch.inference_mode()
def fastest_dtype(model: store.RodinModel, device: torch.device) -> torch.dtype:
    """bfloat16 or float32, whichever runs a step faster here.

    CPUs without matrix units take six times longer in bfloat16, so this is measured, never assumed.
    """
    config = model.unet.config
    x = torch.zeros(1, config.latent_channels, config.latent_size, 3 * config.latent_size, device=device)
    sigma, condition = torch.full((1,), 0.5, device=device), model.unet.no_condition(1)
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        with nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype):
            times = []
            for _ in range(3):
                started = time.perf_counter()
                model.unet(x, sigma, condition)[0, 0, 0, 0].item()
                times.append(time.perf_counter() - started)
        seconds[dtype] = min(times[1:])
    return min(seconds, key=lambda dtype: seconds[dtype])
