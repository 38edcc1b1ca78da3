# SPDX-License-Identifier: GPL-3.0-or-later
"""Six views along the axes to latent planes, and latent planes to the planes of a field.

Planes that are fitted person by person carry free choices (which of three planes holds what) that no generator can
predict. Here one encoder makes the planes of all people, so that they vary as smoothly as the people do, and the
light upsampler from latent to field planes is learned together with the field.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.triplane import Triplane, unroll
from .layers import ResBlock, norm


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderConfig:
    """Sizes of the plane autoencoder."""

    latent_channels: int = 8
    latent_size: int = 32
    """Side of a latent plane."""
    plane_channels: int = 16
    """Channels of a field plane; its side is twice the latent's."""
    view_size: int = 128
    """Side of the views along the axes."""
    width: int = 64
    encoder_blocks: int = 2
    decoder_blocks: int = 2

    @classmethod
    def tiny(cls) -> "AutoencoderConfig":
        """For tests."""
        return cls(latent_channels=4, latent_size=8, plane_channels=8, view_size=32, width=16, encoder_blocks=1,
                   decoder_blocks=1)  # fmt: skip


VIEW_CHANNELS = 10
"""Per plane: colour, coverage and depth from both ends of the axis across it."""


class PlaneEncoder(nn.Module):
    """Views along the axes to latent planes."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.fold = config.view_size // config.latent_size
        self.stem = nn.Conv2d(VIEW_CHANNELS * self.fold**2, config.width, 3, padding=1)
        self.blocks = nn.ModuleList(ResBlock(config.width, config.width) for _ in range(config.encoder_blocks))
        self.norm = norm(config.width)
        self.out = nn.Conv2d(config.width, config.latent_channels, 3, padding=1)

    def forward(self, views: Float[Tensor, "B 3 K S S"]) -> Float[Tensor, "B L R W"]:
        """Rolled-out latent planes from views of the range [-1, 1]."""
        folded = rearrange(views, "b p k (h i) (w j) -> b (k i j) h (p w)", i=self.fold, j=self.fold)
        hidden = self.stem(folded.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            hidden = block(hidden)
        return self.out(functional.silu(self.norm(hidden)))


class PlaneDecoder(nn.Module):
    """Latent planes to field planes of twice the side."""

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.stem = nn.Conv2d(config.latent_channels, config.width, 3, padding=1)
        self.blocks = nn.ModuleList(ResBlock(config.width, config.width) for _ in range(config.decoder_blocks))
        self.norm = norm(config.width)
        half = config.width // 2
        self.enlarge = nn.Conv2d(config.width, 4 * half, 3, padding=1)
        self.refine = nn.Conv2d(half, half, 3, padding=1)
        self.out = nn.Conv2d(half, config.plane_channels, 1)

    def forward(self, latent: Float[Tensor, "B L R W"]) -> Float[Tensor, "B C R2 W2"]:
        """Rolled-out field planes."""
        hidden = self.stem(latent.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            hidden = block(hidden)
        hidden = self.enlarge(functional.silu(self.norm(hidden)))
        hidden = functional.silu(functional.pixel_shuffle(hidden, 2))
        return self.out(hidden + functional.silu(self.refine(hidden)))

    @staticmethod
    def as_triplane(image: Float[Tensor, "B C R W"]) -> Triplane:
        """The field planes, ready to be asked."""
        return Triplane(unroll(image.float()))


def views_to_input(rgba: Tensor, depth: Tensor) -> Float[Tensor, "B 3 K S S"]:
    """Shard arrays axis_rgba [B, 3, 2, S, S, 4] uint8 and axis_depth [B, 3, 2, S, S] as the encoder's input."""
    colour = rearrange(rgba.float() / 127.5 - 1, "b p e h w k -> b p (e k) h w")
    return torch.cat([colour, depth.float()], 2)


