# SPDX-License-Identifier: GPL-3.0-or-later
"""A prior of our own that works offline: a small diffusion model of head views, which repaints what is blurred and
invents what is not there.

First the whole view at 256², where smudges have to become eyes and mouths; then at 512², where hair and skin get their
grain. What the view already shows finer than a pass works at is carried over, moved along with the change.
"""

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import lru_cache, partial

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..diffusion.denoiser import Network, at_time, diffuse, guided
from ..diffusion.regions import joining
from ..diffusion.samplers import ddim
from ..faces.networks import FaceFinder
from ..models.embedding import normalised
from ..models.view_denoiser import SeenView, view_numbers
from ..weights.painter import PAINTER, Painter, load_painter
from ..weights.store import WeightsError
from .prior import PriorError, PriorSettings, Step, View, Wish

SIDES = (256, 512)
"""Of the passes, pixels."""
STEPS = (4, 3)
"""Denoising steps of the passes: one from pure noise, where only what is known of the view helps, the others again
from less."""
AGAIN = 0.3
"""Time from which the first guess is gone over again, as a share of the strength."""
FINE = 0.45
"""Doubt and strength of the second pass, as a share of the first one's: only what is fine is left to say."""
FINE_LEAST = 0.25
"""The same for what the first pass made up."""
AGAINST = 1.5
"""Guidance where something is not wished for and no number is given."""
PROBE = 128
UNTRAINED = (
    "They do not ship yet: make them with maquette studio views and maquette train views, name their folder, or choose "
    "another refiner."
)


class DiffuseLocal:
    """Repaints views with a `Painter`."""

    name = "diffuse-local"
    size = SIDES[-1]

    def __init__(self, painter: Painter, device: torch.device, dtype: torch.dtype | None = None) -> None:
        """Products are computed in `dtype`, by default whichever is faster here."""
        self.painter, self.device = painter.to(device), device
        self.dtype = dtype if dtype is not None else fastest_dtype(painter, device)

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, UInt8[np.ndarray, "S S 3"]]:
        """One pass where the view is small, else two."""
        side = len(view.image)
        strength = float(np.clip(wish.strength, 0, 1))
        network, z = self._directed(wish)
        random = torch.Generator().manual_seed(wish.seed)
        sides = [SIDES[0]] if side <= SIDES[0] else list(SIDES)
        picture = view.image.astype(np.float32) / 255
        for number, working in enumerate(sides):
            known = look(view, picture, working, strength if number == 0 else FINE * strength, z, made_up=number > 0)
            before = _resized(picture, working)
            steps = wish.steps or STEPS[number]
            entry = entry_times(known, strength if number == 0 else FINE * strength)
            if number:
                generated = torch.from_numpy(_resized(view.generate, working))[None, None]
                entry = torch.maximum(entry, FINE_LEAST * generated)
            for index, x0 in self._sample(network, known, entry, random, steps):
                after = (x0[0].permute(1, 2, 0).numpy() / 2 + 0.5).clip(0, 1)
                yield Step((number + index / steps) / len(sides), _quantised(after))
            invented = view.generate if number == 0 else np.zeros_like(view.generate)
            picture = carry_over(picture, before, after, invented)
        keep = np.where(view.shown, view.keep, 1)[..., None]
        return _quantised(keep * (view.image.astype(np.float32) / 255) + (1 - keep) * picture)

    def _sample(
        self, network: "Directed", known: SeenView, entry: Tensor, random: torch.Generator, steps: int
    ) -> Generator[tuple[int, Tensor], None, None]:
        schedule = self.painter.config.schedule
        if not bool(entry.any()):
            yield steps, known.picture
            return
        on_device = SeenView(*(each.to(self.device) for each in (known.picture, known.guide, known.numbers, known.z)))
        ask = network.network(self.painter, on_device)

        def denoise(x: Tensor, u: Tensor) -> Tensor:
            with self._cast(), torch.inference_mode():
                return at_time(ask, schedule)(x.to(self.device), u.to(self.device)).float().cpu().clamp(-1, 1)

        noise = torch.randn(known.picture.shape, generator=random)
        blind = denoise(noise, torch.ones(1))
        guess = torch.where(entry > 0, blind, known.picture)
        yield 1, guess
        if steps == 1:
            return
        start = AGAIN * float(entry.max())
        noisy, _ = diffuse(guess, torch.tensor([start]), noise, schedule)
        for step in ddim(joining(denoise, guess, AGAIN * entry), noisy, steps - 1, schedule, start):
            yield 1 + step.index, step.x0

    def _cast(self) -> AbstractContextManager[object]:
        return nullcontext() if self.dtype is torch.float32 else torch.autocast(self.device.type, self.dtype)

    @torch.inference_mode()
    def _directed(self, wish: Wish) -> tuple["Directed", Float[Tensor, "1 Z"]]:
        """How the network is asked, and who it should paint."""
        embedding = self.painter.embedding
        z = torch.zeros(1, embedding.config.size, device=self.device)
        if wish.prompt.strip():
            z = z + embedding.text([wish.prompt])
        if wish.reference is not None:
            z = z + embedding.image(_portrait(wish.reference, embedding.config.portrait.image_size).to(self.device))
        if bool(z.any()):
            z = normalised(z)
        other = torch.zeros_like(z)
        if wish.negative.strip():
            other = normalised(embedding.text([wish.negative]))
        scale = wish.guidance
        if scale is None:
            scale = AGAINST if wish.negative.strip() else 1.0
        return Directed(scale, other.clone()), z.float().cpu().clone()


class Directed:
    """Guidance (Ho and Salimans 2022) away from nobody in particular, or from what is not wished for."""

    def __init__(self, scale: float, other: Float[Tensor, "1 Z"]) -> None:
        self.scale, self.other = scale, other

    def network(self, painter: Painter, seen: SeenView) -> Network:
        """The painter's denoiser of one view; asked twice only where that changes something."""
        wanted = partial(painter.denoiser, seen=seen)
        if self.scale == 1 or torch.equal(seen.z, self.other):
            return wanted
        return guided(wanted, partial(painter.denoiser, seen=replace(seen, z=self.other)), self.scale)


def look(
    view: View, picture: Float[np.ndarray, "S S 3"], side: int, doubt: float, z: Float[Tensor, "1 Z"], *, made_up: bool
) -> SeenView:
    """A view as the network takes it, at the side of a pass. With `made_up` nothing is missing any more: an earlier
    pass has filled it."""
    shown = view.shown.astype(np.float32)
    masks = [shown, np.zeros_like(shown) if made_up else view.generate * shown, view.keep * shown]
    normal = _resized(view.normal * shown[..., None], side)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-4)
    away = np.where(view.shown, view.depth - view.depth[view.shown].mean() if view.shown.any() else 0, 0)
    guide = np.concatenate([normal, _resized(np.stack([away.astype(np.float32), *masks], 2), side)], 2)
    guide[..., :4] *= guide[..., 4:5] > 0.5
    guide[..., 4] = guide[..., 4] > 0.5
    known = torch.from_numpy(guide.astype(np.float32)).permute(2, 0, 1)[None].contiguous()
    present = torch.from_numpy(_resized(picture, side)).permute(2, 0, 1)[None] * 2 - 1
    angles = torch.tensor([[view.azimuth, view.elevation]])
    numbers = view_numbers(torch.tensor([doubt]), angles, torch.ones(1))
    return SeenView((present * (1 - known[:, 5:6])).contiguous(), known, numbers, z)


def entry_times(known: SeenView, strength: float) -> Float[Tensor, "1 1 H W"]:
    """When each pixel joins the sampling: what is missing at once, what is updated by the strength, what is kept never;
    what is not the head is left as it is."""
    shown, generate, keep = known.guide[:, 4:5], known.guide[:, 5:6], known.guide[:, 6:7]
    return shown * torch.maximum(generate, strength * (1 - keep))


def carry_over(
    picture: Float[np.ndarray, "S S 3"],
    before: Float[np.ndarray, "W W 3"],
    after: Float[np.ndarray, "W W 3"],
    invented: Float[np.ndarray, "S S"],
) -> Float[np.ndarray, "S S 3"]:
    """A picture changed as a smaller copy of it was; where it was `invented`, the larger copy of that."""
    side = len(picture)
    moved = picture + _resized(after - before, side)
    share = invented[..., None]
    return np.clip(share * _resized(after, side) + (1 - share) * moved, 0, 1)


@torch.inference_mode()
def fastest_dtype(painter: Painter, device: torch.device) -> torch.dtype:
    """bfloat16 or float32, whichever runs a step faster here: CPUs without matrix units are far slower in the first."""
    zeros = torch.zeros(1, 3, PROBE, PROBE, device=device)
    seen = SeenView(zeros, torch.zeros(1, 7, PROBE, PROBE, device=device), torch.zeros(1, 5, device=device),
                    torch.zeros(1, painter.config.denoiser.z_size, device=device))  # fmt: skip
    sigma, seconds = torch.full((1,), 0.5, device=device), {}
    for dtype in (torch.float32, torch.bfloat16):
        with nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype):
            times = []
            for _ in range(3):
                started = time.perf_counter()
                painter.denoiser(zeros, sigma, seen)[0, 0, 0, 0].item()
                times.append(time.perf_counter() - started)
        seconds[dtype] = min(times[1:])
    return min(seconds, key=lambda dtype: seconds[dtype])


def load(settings: PriorSettings) -> DiffuseLocal:
    """The painter of a folder, or the one beside the generator. Raises PriorError if its weights cannot be used."""
    path = PAINTER if settings.folder is None else settings.folder / PAINTER.name
    if not path.is_file():
        raise PriorError(f"the weights {PAINTER.name} are missing", UNTRAINED)
    try:
        painter = load_painter(path)
    except WeightsError as error:
        raise PriorError(error.message, error.hint) from error
    name = settings.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return DiffuseLocal(painter, torch.device(name))


@lru_cache(1)
def _finder() -> FaceFinder:
    return FaceFinder()


def _portrait(reference: UInt8[np.ndarray, "256 256 3"], side: int) -> Float[Tensor, "1 4 P P"]:
    """The embedding's input: a portrait in [-1, 1] before grey, and its matte."""
    matte = cv2.resize(_finder().matte(reference), (side, side), interpolation=cv2.INTER_AREA)
    small = cv2.resize(reference, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    both = np.concatenate([(2 * small - 1) * matte[..., None], 2 * matte[..., None] - 1], 2)
    return torch.from_numpy(both.astype(np.float32)).permute(2, 0, 1)[None].contiguous()


def _resized(image: np.ndarray, side: int) -> np.ndarray:
    if len(image) == side:
        return image.astype(np.float32, copy=True)
    how = cv2.INTER_AREA if side < len(image) else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(image, np.float32), (side, side), interpolation=how)


def _quantised(image: Float[np.ndarray, "S S 3"]) -> UInt8[np.ndarray, "S S 3"]:
    return (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
