# SPDX-License-Identifier: GPL-3.0-or-later
"""Studio portraits made to look like anybody's photographs: light, colour, blur, background, imperfect crop and matte.

The studio stores albedo and normals, so every visit of a portrait is lit anew.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def photograph(
    rgba: Float[Tensor, "B 4 H W"], normal: Float[Tensor, "B 3 H W"], random: torch.Generator
) -> Float[Tensor, "B 4 H W"]:
    """The encoder's input [-1, 1]: a lit, worn picture before grey, and its matte as the fourth channel.

    Takes sRGB albedo multiplied by coverage with coverage, both in [0, 1], and unit world normals.
    """
    rgba, normal = _misalign(torch.cat([rgba, normal], 1), random).split([4, 3], 1)
    alpha = rgba[:, 3:]
    albedo = (rgba[:, :3] / alpha.clamp(min=1e-3)).clamp(0, 1)
    lit = _light(albedo, functional.normalize(normal, dim=1), random)
    picture = _develop(lit, random)
    picture = picture * alpha + _background(picture, random) * (1 - alpha)
    picture = _wear(picture, random)
    return compose(picture, _imperfect_matte(alpha, random))


def plain_photograph(rgba: Float[Tensor, "B 4 H W"], normal: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 4 H W"]:
    """The same input under one white lamp from the front left and ambient light, nothing else changed: what evaluation
    shows, because no one can tell brown skin under white light from fair skin under brown light."""
    alpha = rgba[:, 3:]
    albedo = (rgba[:, :3] / alpha.clamp(min=1e-3)).clamp(1e-4, 1)
    lamp = functional.normalize(torch.tensor([-0.4, 0.5, 0.8]), dim=0)[:, None, None]
    light = 0.55 + 0.55 * (normal * lamp).sum(1, keepdim=True).clamp(min=0)
    return compose((albedo**2.2 * light).clamp(1e-5, 1) ** (1 / 2.2), alpha)


def compose(picture: Float[Tensor, "B 3 H W"], matte: Float[Tensor, "B 1 H W"]) -> Float[Tensor, "B 4 H W"]:
    """The encoder's input from a picture and a matte in [0, 1]: what is not the person becomes grey."""
    return torch.cat([(picture * 2 - 1) * matte, matte * 2 - 1], 1)


def _uniform(batch: int, low: float, high: float, random: torch.Generator, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(batch, *shape, generator=random)


def _misalign(image: Tensor, random: torch.Generator) -> Tensor:
    """Crops of photographs are off by a few percent of size, place and angle."""
    batch = len(image)
    scale = torch.exp(0.05 * torch.randn(batch, generator=random))
    angle = 0.05 * torch.randn(batch, generator=random)
    matrix = torch.zeros(batch, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale * angle.cos()
    matrix[:, 1, 0] = scale * angle.sin()
    matrix[:, 0, 1] = -matrix[:, 1, 0]
    matrix[:, :, 2] = 0.03 * torch.randn(batch, 2, generator=random)
    grid = functional.affine_grid(matrix, list(image.shape), align_corners=False)
    return functional.grid_sample(image, grid, align_corners=False)


def _light(albedo: Tensor, normal: Tensor, random: torch.Generator) -> Tensor:
    """Ambient light from above and three coloured lamps, in linear light; skin shines a little. Returns linear."""
    batch = len(albedo)
    linear = albedo.clamp(min=1e-4) ** 2.2
    up = normal[:, 1:2]
    light = _uniform(batch, 0.25, 0.8, random, 1, 1, 1) * (1 + _uniform(batch, -0.1, 0.4, random, 1, 1, 1) * up)
    shine = torch.zeros_like(up)
    for strength in (1.0, 0.5, 0.3):
        direction = torch.randn(batch, 3, generator=random) + torch.tensor([0.0, 0.5, 1.1])
        direction = functional.normalize(direction, dim=1)[:, :, None, None]
        facing = (normal * direction).sum(1, keepdim=True)
        power = strength * _uniform(batch, 0.0, 0.9, random, 1, 1, 1)
        colour = 1 + 0.12 * torch.randn(batch, 3, 1, 1, generator=random)
        wrap = _uniform(batch, 0.0, 0.4, random, 1, 1, 1)  # soft boxes reach around
        light = light + power * colour * ((facing + wrap) / (1 + wrap)).clamp(min=0)
        half = functional.normalize(direction + torch.tensor([0.0, 0.0, 1.0])[:, None, None], dim=1)
        gloss = (normal * half).sum(1, keepdim=True).clamp(min=0) ** 24
        shine = shine + power * gloss
    return linear * light + _uniform(batch, 0.0, 0.08, random, 1, 1, 1) * shine


def _develop(linear: Tensor, random: torch.Generator) -> Tensor:
    """Exposure, white balance, contrast and saturation of a camera; sRGB out. Some pictures are black and white."""
    batch = len(linear)
    exposure = torch.exp(0.25 * torch.randn(batch, 1, 1, 1, generator=random))
    balance = torch.exp(0.06 * torch.randn(batch, 3, 1, 1, generator=random))
    picture = (linear * exposure * balance).clamp(1e-5, 1) ** (1 / 2.2)
    contrast = _uniform(batch, 0.8, 1.25, random, 1, 1, 1)
    picture = (picture - 0.45) * contrast + 0.45
    grey = picture.mean(1, keepdim=True)
    colourful = _uniform(batch, 0.6, 1.3, random, 1, 1, 1)
    colourful = torch.where(torch.rand(batch, 1, 1, 1, generator=random) < 0.06, 0.0, colourful)
    return (grey + (picture - grey) * colourful).clamp(0, 1)


def _background(like: Tensor, random: torch.Generator) -> Tensor:
    """Soft coloured patches, from a plain wall to a busy room."""
    batch, _, height, width = like.shape
    coarse = torch.rand(batch, 3, 2, 2, generator=random)
    fine = torch.randn(batch, 3, 12, 12, generator=random) * _uniform(batch, 0, 0.25, random, 1, 1, 1)
    enlarge = lambda small: functional.interpolate(small, (height, width), mode="bilinear")  # noqa: E731
    return (enlarge(coarse) + enlarge(fine)).clamp(0, 1)


def _wear(picture: Tensor, random: torch.Generator) -> Tensor:
    """Softness of a small or unsharp picture, and noise."""
    batch, _, height, width = picture.shape
    worn = []
    for row in picture[:, None]:
        share = 0.25 + 0.75 * torch.rand(1, generator=random).item()
        small = functional.interpolate(row, (int(height * share), int(width * share)), mode="area")
        worn.append(functional.interpolate(small, (height, width), mode="bilinear", align_corners=False))
    noise = torch.randn(picture.shape, generator=random) * _uniform(batch, 0, 0.04, random, 1, 1, 1)
    return (torch.cat(worn) + noise).clamp(0, 1)


def _imperfect_matte(alpha: Tensor, random: torch.Generator) -> Tensor:
    """Coverage as a segmentation network gives it: softened, grown or shrunk, uneven along the edge."""
    batch, _, height, width = alpha.shape
    radius = 1 + 2 * int(torch.randint(0, 4, (1,), generator=random))
    soft = functional.avg_pool2d(alpha, radius, 1, radius // 2, count_include_pad=False)
    ragged = functional.interpolate(torch.randn(batch, 1, 32, 32, generator=random), (height, width), mode="bilinear")
    threshold = 0.5 + 0.15 * torch.randn(batch, 1, 1, 1, generator=random) + 0.12 * ragged
    return ((soft - threshold) * _uniform(batch, 2, 8, random, 1, 1, 1) + 0.5).clamp(0, 1)
