# SPDX-License-Identifier: GPL-3.0-or-later
"""Adaptive augmentation for small sets (Karras et al. 2020, ADA): real and generated pictures are worn alike, the more
often the surer the discriminator is of the real ones.

No flips and no quarter turns: the discriminator is told the camera, which they would change.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

INTERVAL = 4
"""Observations between two changes of the strength."""


class Adaptive(nn.Module):
    """The strength, which belongs to a run's checkpoint, and the wearing."""

    strength: Tensor
    """Probability of each kind of wear."""

    def __init__(self, target: float | None = 0.6, speed: float = 500_000) -> None:
        """`target` is the mean sign of what is said of real pictures, None: nothing is ever worn; the strength can go
        from 0 to 1 within `speed` pictures."""
        super().__init__()
        self.target, self.speed = target, speed
        self.register_buffer("strength", torch.zeros([]))
        self.register_buffer("_signs", torch.zeros(3))  # sum of signs, pictures, observations

    @torch.no_grad()
    def observe(self, said_of_real: Float[Tensor, " B"]) -> None:
        """Let the strength follow what the discriminator says of real pictures."""
        if self.target is None:
            return
        signs: Tensor = self._signs
        count = said_of_real.new_tensor(len(said_of_real))
        signs += torch.stack([said_of_real.sign().sum(), count, torch.ones_like(count)])
        if signs[2] >= INTERVAL:
            sure = signs[0] / signs[1]
            self.strength += (sure - self.target).sign() * signs[1] / self.speed
            self.strength.clamp_(0, 1)
            signs.zero_()

    def forward(self, pictures: Float[Tensor, "B C H W"], random: torch.Generator) -> Float[Tensor, "B C H W"]:
        """Pictures in [-1, 1], worn; gradients reach them."""
        strength = float(self.strength)
        if strength == 0:
            return pictures
        return coloured(moved(pictures, strength, random), strength, random)


def moved(pictures: Float[Tensor, "B C H W"], strength: float, random: torch.Generator) -> Float[Tensor, "B C H W"]:
    """Scaled, turned and shifted, each with probability `strength`. What comes in from outside is white and uncovered
    where there is coverage, else a reflection."""
    batch, channels = pictures.shape[:2]

    def now() -> Tensor:
        return (torch.rand(batch, generator=random) < strength).float()

    scale = torch.exp2(0.2 * torch.randn(batch, generator=random) * now())
    stretch = torch.exp2(0.1 * torch.randn(batch, generator=random) * now())
    angle = 0.2 * math.pi * torch.randn(batch, generator=random) * now()
    shift = 0.125 * torch.randn(batch, 2, generator=random) * now()[:, None]
    cos, sin = angle.cos() * scale, angle.sin() * scale
    across = torch.stack([cos * stretch, -sin, 2 * shift[:, 0]], 1)
    down = torch.stack([sin, cos / stretch, 2 * shift[:, 1]], 1)
    grid = functional.affine_grid(torch.stack([across, down], 1), list(pictures.shape), align_corners=False)
    grid = grid.to(pictures.device, pictures.dtype)
    if channels < 4:
        return functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    empty = pictures.new_tensor([1.0, 1.0, 1.0, -1.0])[:, None, None]
    return functional.grid_sample(pictures - empty, grid, padding_mode="zeros", align_corners=False) + empty


def coloured(pictures: Float[Tensor, "B C H W"], strength: float, random: torch.Generator) -> Float[Tensor, "B C H W"]:
    """Brightness, contrast, inverted lightness, hue and saturation changed, each with probability `strength`."""
    batch = len(pictures)

    def now() -> Tensor:
        return (torch.rand(batch, generator=random) < strength).float()[:, None, None]

    def normal() -> Tensor:
        return torch.randn(batch, 1, 1, generator=random)

    eye = torch.eye(3).expand(batch, -1, -1)
    grey = torch.full((3, 3), 1 / 3)
    brightness = 0.2 * normal() * now()
    contrast = torch.exp2(0.5 * normal() * now())
    inverted = eye - 2 * grey * now() * (torch.rand(batch, 1, 1, generator=random) < 0.5)
    hue = _about_grey((torch.rand(batch, generator=random) * 2 - 1) * math.pi * now()[:, 0, 0])
    saturation = grey + (eye - grey) * torch.exp2(normal() * now())
    matrix = (saturation @ hue @ inverted * contrast).to(pictures)
    shift = (saturation @ hue @ inverted @ brightness.expand(-1, 3, 1) * contrast).to(pictures)
    rgb = torch.einsum("bij,bjhw->bihw", matrix, pictures[:, :3]) + shift[..., None]
    return torch.cat([rgb, pictures[:, 3:]], 1)


def _about_grey(angle: Float[Tensor, " B"]) -> Float[Tensor, "B 3 3"]:
    """Rotations about the axis of greys (Rodrigues)."""
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    return cos * torch.eye(3) + sin * cross + (1 - cos) / 3
