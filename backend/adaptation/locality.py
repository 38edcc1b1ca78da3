# SPDX-License-Identifier: GPL-3.0-or-later
"""That a local edit stays local: the diffusion-guided reconstruction loss of DiffusionGAN3D.

Where a sentence speaks of a picture, the prior's prediction changes with it; elsewhere the picture is tied to what the
generator drew before. The published map is the gradient's magnitude; it carries the noise that was drawn. Ours is the
magnitude of what the sentence alone changes, averaged over draws (as Couairon et al. 2023 find masks in DiffEdit).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .distillation import Words, opinion
from .plan import Distillation
from .prior import PicturePrior


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """How a map of the response is drawn."""

    draws: int = 3
    """Noises that are averaged over."""
    times: tuple[float, float] = (0.4, 0.6)
    """Moderate noise localises best: with little, only edges respond, with much, everything does."""
    blur: float = 1.5
    """Deviation of the smoothing, in sixty-fourths of the side."""
    sharpness: float = 12.0
    """How fast the map goes from kept to free around `middle`."""
    middle: float = 0.35
    """Response, of the picture's greatest, that is half kept."""


def response_map(
    prior: PicturePrior,
    pictures: Float[Tensor, "B 3 S S"],
    words: Words,
    config: Response,
    random: torch.Generator,
) -> Float[Tensor, "B 1 S S"]:
    """Where the sentence speaks of pictures in [-1, 1], in [0, 1]: 1 where it asks for a change. No gradient."""
    with torch.no_grad():
        latents = prior.encode(sided(pictures, prior.side))
        told = Distillation(times=config.times, late=config.times[1], rescale=0.0, clamp=None, guidance=1.0)
        said = [opinion(prior, latents, words, told, random).difference.abs().mean(1, keepdim=True)
                for _ in range(config.draws)]  # fmt: skip
        strength = functional.interpolate(
            torch.stack(said).mean(0), pictures.shape[-2:], mode="bilinear", align_corners=False
        )
        strength = blurred(strength, config.blur * pictures.shape[-1] / 64)
        low, high = strength.amin((1, 2, 3), keepdim=True), strength.amax((1, 2, 3), keepdim=True)
        relative = (strength - low) / (high - low).clamp_min(1e-6)
        return torch.sigmoid(config.sharpness * (relative - config.middle))


def reconstruction_loss(
    now: Float[Tensor, "B C S S"], before: Float[Tensor, "B C S S"], response: Float[Tensor, "B 1 S S"]
) -> Float[Tensor, ""]:
    """|| (1 - R) (I' - I) ||², as a mean (Lei et al. 2023)."""
    return ((1 - response) * (now - before.detach())).square().mean()


def blurred(maps: Float[Tensor, "B C S S"], deviation: float) -> Float[Tensor, "B C S S"]:
    """Smoothed by a Gaussian of a deviation in pixels; borders repeat."""
    if deviation <= 0:
        return maps
    reach = max(1, round(3 * deviation))
    steps = torch.arange(-reach, reach + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-0.5 * (steps / deviation).square())
    kernel = (kernel / kernel.sum()).expand(maps.shape[1], 1, -1)
    wide = functional.pad(maps, (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(wide, kernel[..., None, :], groups=maps.shape[1])
    return functional.conv2d(rows, kernel[..., None], groups=maps.shape[1])


def sided(pictures: Float[Tensor, "B C S S"], side: int) -> Float[Tensor, "B C G G"]:
    """Pictures of another side; gradients reach them."""
    if pictures.shape[-1] == side:
        return pictures
    return functional.interpolate(pictures, (side, side), mode="bilinear", align_corners=False, antialias=True)
