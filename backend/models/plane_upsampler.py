# SPDX-License-Identifier: GPL-3.0-or-later
"""The papers' upsampler: large planes from small ones by diffusion (Rodin, section 3.3; RodinHD, section 3.3)."""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.triplane import roll, unroll
from .layers import PlaneConv, norm
from .plane_blocks import CrossAttention, FeatureTokens, PlaneResBlock, Resample, saving_memory
from .unet import Embedding, PlaneCondition

MIDDLE = 6
"""Residual blocks at the lowest level; attention follows every other one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneUpsamplerConfig:
    """Sizes of the network; the defaults are RodinHD's upsampler."""

    channels: int = 32
    """Of a plane."""
    low_size: int = 128
    size: int = 512
    """Sides of the planes that come and go."""
    width: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4)
    blocks: int = 2
    """Residual blocks per level; there are six more in the middle."""
    embedding: int = 512
    head_channels: int = 32
    features: tuple[int, int] | None = (128, 128)
    """Channels and side of the portrait's features that the middle asks."""
    token_channels: int = 512
    token_side: int = 8
    z: int = 0
    """Numbers of a latent vector that modulates every block; 0: none."""
    save_memory: bool = True

    @classmethod
    def rodinhd(cls) -> "PlaneUpsamplerConfig":
        """128² to 512², 32 channels."""
        return cls()

    @classmethod
    def rodin(cls) -> "PlaneUpsamplerConfig":
        """64² to 256², 32 channels, a latent vector instead of features."""
        return cls(low_size=64, size=256, features=None, z=256)

    @classmethod
    def tiny(cls) -> "PlaneUpsamplerConfig":
        """For tests: every part is there."""
        return cls(channels=8, low_size=4, size=16, width=8, multipliers=(1, 2), blocks=1, embedding=16,
                   head_channels=8, features=(4, 16), token_channels=8, token_side=2, z=6)  # fmt: skip


class PlaneUpsampler(nn.Module):
    """Clean large planes from noisy ones, given small ones and a condition; 3D-aware throughout."""

    def __init__(self, config: PlaneUpsamplerConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * multiplier for multiplier in config.multipliers]
        self.time = Embedding(config.embedding, config.z, None)
        self.tokens = (
            FeatureTokens(*config.features, config.token_channels, config.token_side) if config.features else None
        )
        self.stem = PlaneConv(config.channels, widths[0])
        self.down, skips = nn.ModuleList(), []
        here = widths[0] + config.channels
        for level, width in enumerate(widths):
            for _ in range(config.blocks):
                self.down.append(self._block(here, width))
                here = width
                skips.append(here)
            if level < len(widths) - 1:
                self.down.append(self._block(here, here, "down"))
        self.middle = nn.ModuleList(self._block(here, here) for _ in range(MIDDLE))
        self.attention = nn.ModuleList(
            CrossAttention(here, config.head_channels, config.token_channels) for _ in range(MIDDLE // 2)
        ) if config.features else None  # fmt: skip
        self.up = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(config.blocks):
                self.up.append(self._block(here + skips.pop(), width))
                here = width
            if level:
                self.up.append(self._block(here, here, "up"))
        self.tail = self._block(here + config.channels, here)
        self.norm = norm(here + config.channels)
        self.out = PlaneConv(here + config.channels, config.channels).zero()

    def forward(
        self,
        noisy: Float[Tensor, "B C R W"],
        sigma: Float[Tensor, " B"],
        low: Float[Tensor, "B C S V"],
        condition: PlaneCondition | None = None,
    ) -> Float[Tensor, "B C R W"]:
        """x0 of sqrt(1 - sigma²) x0 + sigma noise: what the network adds to the enlarged small planes."""
        condition = condition or PlaneCondition()
        embedding = self.time(sigma, condition.z, None)
        tokens = self.tokens(condition.features[0]) if self.tokens is not None else None
        large = enlarge(low, self.config.size)
        hidden = self.stem(noisy.contiguous(memory_format=torch.channels_last))
        hidden = torch.cat([hidden, large.to(hidden.dtype)], 1)
        kept = []
        for block in cast("list[PlaneResBlock]", self.down):
            hidden = self._run(block, hidden, embedding)
            if block.resample is None:
                kept.append(hidden)
        for index, inner in enumerate(self.middle):
            hidden = self._run(inner, hidden, embedding)
            if self.attention is not None and index % 2 == 0:
                hidden = self._run(self.attention[index // 2], hidden, tokens)
        for block in cast("list[PlaneResBlock]", self.up):
            if block.resample is None:
                hidden = torch.cat([hidden, kept.pop()], 1)
            hidden = self._run(block, hidden, embedding)
        hidden = self._run(self.tail, torch.cat([hidden, large.to(hidden.dtype)], 1), embedding)
        hidden = torch.cat([hidden, large.to(hidden.dtype)], 1)
        return large + self.out(functional.silu(self.norm(hidden))).float()

    def _run(self, block: nn.Module, *arguments: Tensor | None) -> Tensor:
        return saving_memory(block, self.config.save_memory and self.training, *arguments)

    def _block(self, channels: int, out_channels: int, resample: Resample | None = None) -> PlaneResBlock:
        return PlaneResBlock(channels, out_channels, self.config.embedding, True, resample)


def enlarge(low: Float[Tensor, "B C S V"], size: int) -> Float[Tensor, "B C R W"]:
    """Rolled-out planes of another side, bicubic, each plane by itself; shrinking is antialiased."""
    planes = unroll(low).flatten(0, 1).float()
    antialias = size < planes.shape[-1]
    resized = functional.interpolate(planes, (size, size), mode="bicubic", align_corners=False, antialias=antialias)
    return roll(resized.unflatten(0, (-1, 3)))
