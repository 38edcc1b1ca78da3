# SPDX-License-Identifier: GPL-3.0-or-later
"""An aligned portrait as tokens at two scales and one global vector."""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import Down, Residual

FOLD = 2
"""Pixels are folded two by two into channels before the first convolution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortraitEncoderConfig:
    """Sizes of the portrait encoder."""

    image_size: int = 128
    widths: tuple[int, int, int] = (64, 128, 256)
    """Channels at a quarter, an eighth and a sixteenth of the picture's side."""
    token_channels: int = 256
    embedding: int = 256

    @classmethod
    def tiny(cls) -> "PortraitEncoderConfig":
        """For tests."""
        return cls(image_size=32, widths=(8, 16, 16), token_channels=16, embedding=32)


class PortraitEncoder(nn.Module):
    """Small convolutional encoder of colour and matte; finer and coarser features both become tokens (RodinHD)."""

    def __init__(self, config: PortraitEncoderConfig) -> None:
        super().__init__()
        first, middle, last = config.widths
        side = config.image_size // 16
        self.stem = nn.Conv2d(4 * FOLD**2, first, 3, stride=2, padding=1)
        self.middle = nn.ModuleList([Down(first, middle), Residual(middle)])
        self.last = nn.ModuleList([Down(middle, last), Residual(last)])
        self.fine, self.coarse = nn.Linear(middle, config.token_channels), nn.Linear(last, config.token_channels)
        self.fine_place = nn.Parameter(0.02 * torch.randn(4 * side * side, config.token_channels))
        self.coarse_place = nn.Parameter(0.02 * torch.randn(side * side, config.token_channels))
        self.squeeze = nn.Linear(last, 32)
        self.whole = nn.Linear(32 * side * side, config.embedding)

    @property
    def token_count(self) -> int:
        """Tokens of one portrait."""
        return len(self.fine_place) + len(self.coarse_place)

    def maps(self, portrait: Float[Tensor, "B 4 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """What it sees at a quarter, an eighth and a sixteenth of the side, block by block; any side of whole
        sixteenths."""
        found = [self.stem(functional.pixel_unshuffle(portrait, FOLD).contiguous(memory_format=torch.channels_last))]
        for block in (*self.middle, *self.last):
            found.append(block(found[-1]))
        return found

    def forward(self, portrait: Float[Tensor, "B 4 H W"]) -> tuple[Float[Tensor, "B T D"], Float[Tensor, "B E"]]:
        """Tokens and embedding of portraits in [-1, 1], matte as the fourth channel."""
        hidden = self.stem(functional.pixel_unshuffle(portrait, FOLD).contiguous(memory_format=torch.channels_last))
        for block in self.middle:
            hidden = block(hidden)
        fine = rearrange(hidden, "b c h w -> b (h w) c")
        for block in self.last:
            hidden = block(hidden)
        coarse = rearrange(hidden, "b c h w -> b (h w) c")
        tokens = torch.cat([self.fine(fine) + self.fine_place, self.coarse(coarse) + self.coarse_place], 1)
        return tokens, self.whole(self.squeeze(coarse).flatten(1))
