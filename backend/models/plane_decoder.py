# SPDX-License-Identifier: GPL-3.0-or-later
"""Views along the axes to the planes of a field of the same side.

Planes that are fitted person by person carry free choices (which of three planes holds what) that no generator can
predict. Here the planes of all people are one smooth function of what is seen of them along the three axes. Most of
the work is done on views folded into a quarter of their side; a light path at full side adds edges and texture.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.triplane import Triplane, roll, unroll
from .layers import PlaneConv
from .plane_codec import VIEW_CHANNELS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneDecoderConfig:
    """Sizes of the plane decoder."""

    view_size: int = 256
    """Side of the views and of the field planes."""
    fold: int = 4
    """The deep path works at so many times less."""
    width: int = 64
    blocks: int = 3
    channels: int = 16
    """Of the field planes."""
    fine_width: int = 16
    """Channels of the path at full side."""

    @classmethod
    def tiny(cls) -> "PlaneDecoderConfig":
        """For tests."""
        return cls(view_size=64, fold=4, width=8, blocks=1, channels=8, fine_width=4)


class PlaneDecoder(nn.Module):
    """Axis views to field planes."""

    def __init__(self, config: PlaneDecoderConfig) -> None:
        super().__init__()
        self.config = config
        side, width = config.view_size // config.fold, config.width
        # The average person, and with it the coordinates that convolutions cannot know.
        self.place = nn.Parameter(0.05 * torch.randn(width, side, 3 * side))
        self.mean = nn.Parameter(0.05 * torch.randn(config.channels, side, 3 * side))
        self.stem = PlaneConv(VIEW_CHANNELS * config.fold**2, width)
        self.blocks = nn.ModuleList(
            nn.ModuleList([nn.Conv2d(width, width, 3, padding=1), PlaneConv(width, width)])
            for _ in range(config.blocks)
        )
        self.grow = nn.Conv2d(width, config.channels * config.fold**2, 3, padding=1)
        self.fine = nn.Conv2d(VIEW_CHANNELS, config.fine_width, 3, padding=1)
        self.join = nn.Conv2d(config.channels + config.fine_width, config.channels, 3, padding=1)

    def forward(self, views: Float[Tensor, "B 3 K S S"]) -> Float[Tensor, "B C S W"]:
        """Rolled-out field planes."""
        rolled = roll(views).contiguous(memory_format=torch.channels_last)
        hidden = functional.silu(self.stem(fold(rolled, self.config.fold)) + self.place)
        for first, second in self.blocks:
            hidden = hidden + second(functional.silu(first(hidden)))
        grown = unfold(self.grow(functional.silu(hidden)), self.config.fold)
        detail = functional.silu(self.fine(rolled))
        planes = grown + self.join(torch.cat([grown, detail], 1))
        return planes + functional.interpolate(self.mean[None], scale_factor=float(self.config.fold), mode="bilinear")

    @staticmethod
    def as_triplane(image: Float[Tensor, "B C S W"]) -> Triplane:
        """The field planes, ready to be asked."""
        return Triplane(unroll(image.float()))


def fold(image: Float[Tensor, "B C H W"], factor: int) -> Float[Tensor, "B D h w"]:
    """Squares of pixels into channels."""
    folded = rearrange(image, "b c (h i) (w j) -> b (c i j) h w", i=factor, j=factor)
    return folded.contiguous(memory_format=torch.channels_last)


def unfold(image: Float[Tensor, "B D h w"], factor: int) -> Float[Tensor, "B C H W"]:
    """Undo `fold`."""
    return rearrange(image, "b (c i j) h w -> b c (h i) (w j)", i=factor, j=factor)
