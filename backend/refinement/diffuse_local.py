# SPDX-License-Identifier: GPL-3.0-or-later
"""A prior of our own that works offline: the shipped model of looks, which repaints views of heads as a sentence says,
and invents what is not there.

Where the sentence names a look of the studio's, such as bronze, the view is shaded in it, as training shaded its
pictures. Everything else the model paints: the whole view at 256² from pure noise, then, from little noise, at 512². It
is told the head's shape, how the head is dressed now and what of that may change; a reference portrait is left out of
account (its pixels are laid on by others).
"""

import math
import time
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from ..diffusion.denoiser import Denoiser, diffuse
from ..diffusion.samplers import ddim
from ..models.look_denoiser import NUMBERS, Known, guide_of, scale_of, towards
from ..weights.looks import LOOKS, LookModel, denoiser, load_looks
from ..weights.store import WeightsError
from .prior import PriorError, PriorSettings, Step, View, Wish
from .shaded import shaded
from .turning import to_world

SIDES = (256, 512)
"""Of the passes, pixels."""
STEPS = (3, 2)
"""Denoising steps of the passes: the first one's first is from pure noise, where only what is known of the view helps,
the others again from less."""
AGAIN = 0.15
"""Time from which the first guess is gone over again."""
FINE = 0.12
"""Time from which the second pass starts, over what the first one made: only what is fine is left to say."""
FINE_DOUBT = 0.25
"""How much the second pass doubts what the first one made."""
ENTIRE = 0.4
"""Strength from which on nothing of the old picture is mixed into the new one."""
AGAINST = 1.5
"""Guidance where something is not wished for and no number is given."""
UNITS_ACROSS = 2 * 4.4 * math.tan(0.4538 / 2)
"""Box units across a view, as `geometry.cameras.orbit` takes it."""
PROBE = 128


class DiffuseLocal:
    """Repaints views with a `LookModel`."""

    name = "diffuse-local"
    size = SIDES[-1]

    def __init__(self, model: LookModel, device: torch.device, dtype: torch.dtype | None = None) -> None:
        """Products are computed in `dtype`, by default whichever is faster here."""
        self.model, self.device = model.to(device), device
        self.dtype = dtype if dtype is not None else fastest_dtype(model, device)

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, UInt8[np.ndarray, "S S 3"]]:
        """A shaded view, or what the model makes of it: in one pass where it is small, else in two."""
        strength = float(np.clip(wish.strength, 0, 1))
        before = view.image.astype(np.float32) / 255
        made_up = (view.generate * view.shown)[..., None]
        if not strength and not made_up.any():
            yield Step(1.0, view.image)
            return view.image
        picture = yield from self._imagined(view, before, strength, wish)
        # Little strength is little change: what is there shines through, but for what is missing.
        share = np.maximum(min(1.0, strength / ENTIRE), made_up)
        share = share * np.where(view.shown, 1 - view.keep, 0)[..., None]
        return _quantised(before + share * (picture - before))

    def _imagined(
        self, view: View, before: Float[np.ndarray, "S S 3"], strength: float, wish: Wish
    ) -> Generator[Step, None, Float[np.ndarray, "S S 3"]]:
        """The whole view anew, whatever may change."""
        if (guess := shaded(view, wish.prompt)) is not None:
            # The model learned looks from this very shading: asked for them, it could only come near it.
            yield Step(1.0, _quantised(guess))
            return guess
        side, picture = len(before), before
        random = torch.Generator().manual_seed(wish.seed)
        sides = [SIDES[0]] if side <= SIDES[0] else list(SIDES)
        for number, working in enumerate(sides):
            first = number == 0
            known = look(view, picture, working, strength if first else FINE_DOUBT, made_up=not first)
            steps = wish.steps or STEPS[number]
            present = None if first else _tensor(_resized(picture, working))
            for index, x0 in self._sample(wish, known, present, random, steps):
                after = (x0[0].permute(1, 2, 0).numpy() / 2 + 0.5).clip(0, 1)
                yield Step((number + index / steps) / len(sides), _quantised(after))
            picture = _resized(after, side)
        return picture

    def _sample(
        self, wish: Wish, known: Known, picture: Tensor | None, random: torch.Generator, steps: int
    ) -> Generator[tuple[int, Tensor], None, None]:
        """Counts and guesses; without a `picture` the first one is made of nothing but noise and what is known."""
        schedule = self.model.config.schedule
        said, against = wish.prompt.strip(), wish.negative.strip()
        scale = wish.guidance
        if scale is None:
            scale = AGAINST if against else 1.0
        with torch.inference_mode(), self._cast():
            ask = denoiser(self.model, [said], known.to(self.device), scale, [against] if against else None)
        exact, noise = self._exact(ask), torch.randn(known.picture.shape, generator=random)
        done, start = 0, FINE
        if picture is None:
            picture, done, start = exact(noise, torch.ones(1)), 1, AGAIN
            yield 1, picture
        if done == steps:
            return
        noisy, _ = diffuse(picture, torch.tensor([start]), noise, schedule)
        for step in ddim(exact, noisy, steps - done, schedule, start):
            yield done + step.index, step.x0

    def _exact(self, ask: Denoiser) -> Denoiser:
        def denoise(x: Tensor, u: Tensor) -> Tensor:
            with self._cast(), torch.inference_mode():
                return ask(x.to(self.device), u.to(self.device)).float().cpu().clamp(-1, 1)

        return denoise

    def _cast(self) -> AbstractContextManager[object]:
        return nullcontext() if self.dtype is torch.float32 else torch.autocast(self.device.type, self.dtype)


def look(view: View, picture: Float[np.ndarray, "S S 3"], side: int, doubt: float, *, made_up: bool) -> Known:
    """A view as the network takes it, at the side of a pass. With `made_up` nothing is missing any more: an earlier
    pass has filled it."""
    shown = view.shown.astype(np.float32)
    masks = [shown, np.zeros_like(shown) if made_up else view.generate * shown, view.keep * shown]
    normal = _resized(view.normal * shown[..., None], side)
    normal /= np.maximum(np.linalg.norm(normal, axis=2, keepdims=True), 1e-4)
    distance = np.where(view.shown, np.where(view.shown, view.depth, 0), 0).astype(np.float32)
    middle = float(distance[view.shown].mean()) if view.shown.any() else 0.0
    away = np.where(view.shown, distance - middle, 0).astype(np.float32)
    planes = _tensor(_resized(np.stack([away, *masks], 2), side)) / 2 + 0.5  # undo the range of pictures
    depth, covered, generate, keep = (planes[:, k : k + 1] for k in range(4))
    covered = (covered > 0.5).float()
    axis = towards(view.azimuth, view.elevation)
    world = to_world(torch.from_numpy(normal).permute(2, 0, 1)[None], view.azimuth, view.elevation)
    guide = guide_of(world, depth, covered, generate * covered, keep * covered, axis)
    present = _tensor(_resized(picture, side)) * (1 - generate * covered)
    numbers = torch.zeros(1, NUMBERS)
    numbers[0] = torch.tensor([doubt, 1.0, 1.0, scale_of(side / UNITS_ACROSS)])
    return Known(present.contiguous(), guide.contiguous(), numbers)


@torch.inference_mode()
def fastest_dtype(model: LookModel, device: torch.device) -> torch.dtype:
    """bfloat16 or float32, whichever runs a step faster here: CPUs without matrix units are far slower in the first."""
    zeros, sigma = torch.zeros(1, 3, PROBE, PROBE, device=device), torch.full((1,), 0.5, device=device)
    known = Known.nothing(1, PROBE).to(device)
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        with nullcontext() if dtype is torch.float32 else torch.autocast(device.type, dtype):
            times = []
            for _ in range(3):
                started = time.perf_counter()
                model.network(zeros, sigma, model.network.text([""]), known)[0, 0, 0, 0].item()
                times.append(time.perf_counter() - started)
        seconds[dtype] = min(times[1:])
    return min(seconds, key=lambda dtype: seconds[dtype])


def load(settings: PriorSettings) -> DiffuseLocal:
    """The model of looks of a folder, or the shipped one. Raises PriorError if its weights cannot be used."""
    path = LOOKS if settings.folder is None else settings.folder / LOOKS.name
    try:
        model = load_looks(path)
    except WeightsError as error:
        raise PriorError(error.message, error.hint) from error
    name = settings.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return DiffuseLocal(model, torch.device(name))


def _tensor(image: Float[np.ndarray, "S S C"]) -> Float[Tensor, "1 C S S"]:
    """[0, 1] to [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image, np.float32)).permute(2, 0, 1)[None] * 2 - 1


def _resized(image: np.ndarray, side: int) -> np.ndarray:
    if len(image) == side:
        return image.astype(np.float32, copy=True)
    how = cv2.INTER_AREA if side < len(image) else cv2.INTER_CUBIC
    return cv2.resize(np.ascontiguousarray(image, np.float32), (side, side), interpolation=how)


def _quantised(image: Float[np.ndarray, "S S 3"]) -> UInt8[np.ndarray, "S S 3"]:
    return (image.clip(0, 1) * 255 + 0.5).astype(np.uint8)
