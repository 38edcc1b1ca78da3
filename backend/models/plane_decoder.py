# SPDX-License-Identifier: GPL-3.0-or-later
"""Views along the axes to the planes of a field of the same side.

Planes that are fitted person by person carry free choices (which of three planes holds what) that no generator can
predict. Here the planes of all people are one smooth function of what is seen of them along the three axes. The views
themselves are their first channels: at a point, the field decoder then knows the colours and depths that six views see
along its axes, and where it is. Convolutions add what that does not say, most of them on views folded into a quarter
of their side, a light path at full side for edges and texture.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.triplane import Triplane, roll, unroll
from .decoder import FieldDecoder
from .layers import PlaneConv
from .plane_codec import VIEW_CHANNELS

SEEN_CHANNELS = 27
"""Of a point: six colours, six depths, and its place."""
RESIDUAL = 0.1
"""Scale of what convolutions add: a step of an optimiser moves planes by so much less."""
SCALES = (4.0, 16.0, 40.0)
"""Of the differences between depths and places, per box unit, that a fresh decoder compares."""
NOWHERE = 1.2
"""Depth, against the direction of the view, of what is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneDecoderConfig:
    """Sizes of the plane decoder."""

    view_size: int = 256
    """Side of the views and of the field planes."""
    fold: int = 4
    """The deep path works at so many times less."""
    width: int = 0
    """Channels of the convolutions that add to the views; 0: planes are the views alone, and cost nothing."""
    blocks: int = 3
    channels: int = 32
    """Of the field planes; `SEEN_CHANNELS` of them are taken by the views."""
    fine_width: int = 16
    """Channels of the path at full side."""

    @classmethod
    def tiny(cls) -> "PlaneDecoderConfig":
        """For tests."""
        return cls(view_size=64, fold=4, width=8, blocks=1, fine_width=4)


class PlaneDecoder(nn.Module):
    """Axis views to field planes."""

    def __init__(self, config: PlaneDecoderConfig) -> None:
        super().__init__()
        self.config = config
        if not config.width:
            return
        side, width = config.view_size // config.fold, config.width
        # The average person and the coordinates that convolutions cannot know.
        self.place = nn.Parameter(0.05 * torch.randn(width, side, 3 * side))
        self.stem = PlaneConv(VIEW_CHANNELS * config.fold**2, width)
        self.blocks = nn.ModuleList(_Residual(width) for _ in range(config.blocks))
        self.grow = nn.Conv2d(width, config.channels * config.fold**2, 3, padding=1)
        self.fine = nn.Conv2d(VIEW_CHANNELS, config.fine_width, 3, padding=1)
        self.join = nn.Conv2d(config.channels + config.fine_width, config.channels, 3, padding=1)
        for parameter in (*self.grow.parameters(), *self.join.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, views: Float[Tensor, "B 3 K S S"]) -> Float[Tensor, "B C S W"]:
        """Rolled-out field planes."""
        if not self.config.width:
            return self.seen(views)
        rolled = roll(views).contiguous(memory_format=torch.channels_last)
        hidden = functional.silu(self.stem(fold(rolled, self.config.fold)) + self.place)
        for block in self.blocks:
            hidden = block(hidden)
        grown = unfold(self.grow(functional.silu(hidden)), self.config.fold)
        detail = functional.silu(self.fine(rolled))
        added = grown + self.join(torch.cat([grown, detail], 1))
        return self.seen(views) + RESIDUAL * added.float()

    def seen(self, views: Float[Tensor, "B 3 K S S"]) -> Float[Tensor, "B C S W"]:
        """Planes that hold no more than the views: summed at a point, `SEEN_CHANNELS` numbers and zeros."""
        batch, _, _, size, _ = views.shape
        planes = views.new_zeros(batch, 3, self.config.channels, size, size)
        coverage = (views[:, :, 3:8:4].clamp(-1, 1) + 1) / 2
        far = views.new_tensor([-NOWHERE, NOWHERE])[:, None, None]
        depths = coverage * views[:, :, 8:] + (1 - coverage) * far
        line = (torch.arange(size, device=views.device) + 0.5) / size * 2 - 1
        for index in range(3):
            planes[:, index, 6 * index : 6 * index + 3] = views[:, index, :3]
            planes[:, index, 6 * index + 3 : 6 * index + 6] = views[:, index, 4:7]
            planes[:, index, 18 + 2 * index : 20 + 2 * index] = depths[:, index]
        planes[:, 0, 24] = line  # x along the columns of xy
        planes[:, 0, 25] = line[:, None]
        planes[:, 1, 26] = line[:, None]  # z along the rows of xz
        return roll(planes)

    @staticmethod
    def as_triplane(image: Float[Tensor, "B C S W"]) -> Triplane:
        """The field planes, ready to be asked."""
        return Triplane(unroll(image.float()))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), PlaneConv(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.second(functional.silu(self.first(hidden)))


@torch.no_grad()
def begin_with_distances(decoder: FieldDecoder, random: torch.Generator) -> None:
    """Let a fresh field decoder compare at once where a point is with what each view sees there: how far it lies
    before or behind the surface, at several scales. Found by descent alone, these differences of large numbers take
    most of a training."""
    weight, bias = decoder.first.weight, decoder.first.bias
    rows = [(scale, view, sign) for scale in SCALES for view in range(6) for sign in (1.0, -1.0)]
    for row, (scale, view, sign) in enumerate(rows[: decoder.config.hidden * 3 // 4]):
        weight[row] *= 0.3
        weight[row, 18 + view] = -sign * scale
        weight[row, 26 - view // 2] = sign * scale  # the views of xy look along z, those of yz along x
        bias[row] = 2 * torch.rand((), generator=random) - 1


def fold(image: Float[Tensor, "B C H W"], factor: int) -> Float[Tensor, "B D h w"]:
    """Squares of pixels into channels."""
    folded = rearrange(image, "b c (h i) (w j) -> b (c i j) h w", i=factor, j=factor)
    return folded.contiguous(memory_format=torch.channels_last)


def unfold(image: Float[Tensor, "B D h w"], factor: int) -> Float[Tensor, "B C H W"]:
    """Undo `fold`."""
    return rearrange(image, "b (c i j) h w -> b c (h i) (w j)", i=factor, j=factor)
