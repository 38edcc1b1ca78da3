# SPDX-License-Identifier: GPL-3.0-or-later
"""Large planes made small and imperfect, as a base model makes them: what an upsampler learns from.

Conditioning augmentation (Ho et al. 2022, section 4.2) by the degradations of RodinHD's code, which are those of blind
super-resolution (Zhang et al. 2021): blur, resize and noise in random order, then the size that is wanted.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.triplane import roll, unroll
from ..models.plane_upsampler import enlarge


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationConfig:
    """How planes are worn; values are those of planes in [-1, 1]."""

    blur: float = 0.25
    """Share of planes that are blurred."""
    widths: tuple[float, float] = (0.2, 2.8)
    """Standard deviations of the blur, texels of the large planes."""
    least_shrink: float = 1.8
    """The resize divides the side by something from here to `most_shrink` times the upsampler's own factor."""
    most_shrink: float = 1.3
    noise: tuple[float, float] = (5 / 127.5, 25 / 127.5)
    """Standard deviations of the noise."""
    noisy: tuple[float, float] = (0.4, 0.4)
    """Shares of visits with noise of its own in each channel, and with the same in all; the rest has none."""


def worn(
    planes: Float[Tensor, "B C R W"], size: int, config: AugmentationConfig, random: torch.Generator
) -> Float[Tensor, "B C S V"]:
    """Rolled-out planes of side `size`, each person's worn by itself; the three planes of a person alike."""
    return torch.cat([_worn(own, size, config, random) for own in planes.split(1)])


def _worn(planes: Tensor, size: int, config: AugmentationConfig, random: torch.Generator) -> Tensor:
    side = planes.shape[2]

    def resize(image: Tensor) -> Tensor:
        most = max(config.most_shrink * side / size, config.least_shrink)
        share = config.least_shrink + (most - config.least_shrink) * _draw(random)
        small = max(2, round(image.shape[2] / share))
        if _draw(random) < 0.5:
            return enlarge(image, small)
        each = functional.interpolate(
            unroll(image).flatten(0, 1), (small, small), mode="bilinear", align_corners=False, antialias=True
        )
        return roll(each.unflatten(0, (-1, 3)))

    def blur(image: Tensor) -> Tensor:
        if _draw(random) >= config.blur:
            return image
        first, last = config.widths
        wide, high = (first + (last - first) * _draw(random) for _ in range(2))
        angle = math.pi * _draw(random)
        if _draw(random) < 0.5:  # the same in all directions
            high, angle = wide, 0.0
        return blurred(image, wide, high, angle)

    def noise(image: Tensor) -> Tensor:
        kind, (least, most) = _draw(random), config.noise
        own, shared = config.noisy
        if kind >= own + shared:
            return image
        shape = (1, image.shape[1] if kind < own else 1, *image.shape[2:])
        deviation = least + (most - least) * _draw(random)
        return image + deviation * torch.randn(shape, generator=random).to(image.device)

    steps = (blur, resize, noise)
    for index in torch.randperm(len(steps), generator=random).tolist():
        planes = steps[index](planes)
    return enlarge(planes, size)


def blurred(planes: Float[Tensor, "B C R W"], wide: float, high: float, angle: float) -> Float[Tensor, "B C R W"]:
    """Each plane under a Gaussian of these standard deviations along two axes turned by `angle`, radians."""
    radius = max(1, min(math.ceil(3 * max(wide, high)), planes.shape[2] // 2 - 1))
    line = torch.arange(-radius, radius + 1, device=planes.device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    kernel = torch.exp(-0.5 * ((along / wide) ** 2 + (across / high) ** 2))
    each = unroll(planes).flatten(0, 1)
    channels = each.shape[1]
    padded = functional.pad(each, [radius] * 4, mode="replicate")
    kernels = (kernel / kernel.sum()).expand(channels, 1, -1, -1)
    return roll(functional.conv2d(padded, kernels, groups=channels).unflatten(0, (-1, 3)))


def _draw(random: torch.Generator) -> float:
    return float(torch.rand((), generator=random))
