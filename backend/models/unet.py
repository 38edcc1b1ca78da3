# SPDX-License-Identifier: GPL-3.0-or-later
"""The papers' base network: a U-Net on rolled-out planes at any size (Rodin, section 3.2; RodinHD, section 3.3).

What the shipped model does on latents with transformer blocks, this does on planes themselves: several levels, 3D-aware
convolutions at chosen heights, attention joined by portrait tokens at others.
"""

from dataclasses import dataclass, replace
from typing import Literal, cast

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import PlaneConv, norm, timestep_features
from .plane_blocks import FeatureTokens, JointAttention, LatentPool, PlainConv, PlaneResBlock, Resample, saving_memory

Coupling = Literal["aware", "rollout", "concat"]
"""Planes side by side and coupled by 3D-aware convolutions, side by side alone, or stacked as channels."""
TIME_FEATURES = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneUNetConfig:
    """Sizes of the network; the defaults are RodinHD's base model."""

    channels: int = 32
    """Of a plane."""
    size: int = 128
    """Side of a plane, a multiple of the last level's share."""
    width: int = 192
    multipliers: tuple[int, ...] = (1, 1, 2, 3, 4)
    """Channels of each level, in widths; each level has half the side of the one before."""
    blocks: int = 3
    """Residual blocks per level."""
    embedding: int = 768
    """Channels of time and of what is added to it."""
    attention_heights: tuple[int, ...] = (32, 16, 8)
    head_channels: int = 64
    aware_heights: tuple[int, ...] = (128,)
    """Sides at which convolutions are 3D-aware, where `coupling` says that any are."""
    coupling: Coupling = "aware"
    learned_variance: bool = True
    """Whether as many channels again say variances."""
    features: tuple[tuple[int, int], ...] = ((128, 128), (256, 64), (512, 32))
    """Channels and side of each scale of a portrait's features, finest first; they join the attention at the heights
    of `attention_heights`, in that order."""
    token_channels: int = 512
    token_side: int = 8
    """Each scale becomes so many tokens squared."""
    latent: tuple[int, int] | None = (4, 32)
    """Channels and side of a portrait's latent, pooled into the embedding."""
    z: int = 0
    """Numbers of a latent vector that modulates every block (Rodin); 0: none."""
    dropout: float = 0.0
    save_memory: bool = True
    """Compute blocks again in the backward pass instead of keeping what is inside them."""

    @classmethod
    def rodinhd(cls) -> "PlaneUNetConfig":
        """128² planes of 32 channels, portrait features by attention."""
        return cls()

    @classmethod
    def rodin(cls) -> "PlaneUNetConfig":
        """64² planes of 32 channels, a latent vector by AdaGN."""
        return cls(size=64, multipliers=(1, 2, 3, 4), aware_heights=(64,), features=(), latent=None, z=256)

    @classmethod
    def tiny(cls) -> "PlaneUNetConfig":
        """For tests: every part is there."""
        return cls(channels=4, size=8, width=8, multipliers=(1, 2), blocks=1, embedding=16, attention_heights=(4,),
                   head_channels=8, aware_heights=(8,), features=((4, 16),), token_channels=8, token_side=2,
                   latent=(4, 8), z=6)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlaneCondition:
    """What is known of the person; parts that the network has no place for are left out."""

    features: tuple[Float[Tensor, "B _ _ _"], ...] = ()
    """Of a portrait, finest first."""
    latent: Float[Tensor, "B _ _ _"] | None = None
    """Of a portrait."""
    z: Float[Tensor, "B Z"] | None = None

    def without(self, dropped: Bool[Tensor, " B"]) -> "PlaneCondition":
        """Nothing known where `dropped`: features and latents are ones (RodinHD), z is zero (Rodin)."""

        def fill(tensor: Tensor, value: float) -> Tensor:
            return torch.where(dropped.to(tensor.device).view(-1, *[1] * (tensor.ndim - 1)), value, tensor)

        return PlaneCondition(
            tuple(fill(scale, 1.0) for scale in self.features),
            None if self.latent is None else fill(self.latent, 1.0),
            None if self.z is None else fill(self.z, 0.0),
        )


class PlaneUNet(nn.Module):
    """What a configuration's prediction says of noisy planes, given a condition."""

    def __init__(self, config: PlaneUNetConfig) -> None:
        super().__init__()
        self.config = config
        stack = 3 if config.coupling == "concat" else 1
        channels, self.heights = stack * config.channels, [config.size >> k for k in range(len(config.multipliers))]
        out_channels = channels * (2 if config.learned_variance else 1)
        widths = [config.width * multiplier for multiplier in config.multipliers]
        self.time = Embedding(config.embedding, config.z, config.latent)
        self.tokens = nn.ModuleList(
            FeatureTokens(*scale, config.token_channels, config.token_side) for scale in config.features
        )
        self.stem = self._conv(channels, widths[0], config.size)
        self.down, skips = nn.ModuleList(), [widths[0]]
        here = widths[0]
        for level, (width, height) in enumerate(zip(widths, self.heights, strict=True)):
            for _ in range(config.blocks):
                self.down.append(self._block(here, width, height))
                here = width
                skips.append(here)
            if level < len(widths) - 1:
                self.down.append(self._block(here, here, height, "down"))
                skips.append(here)
        self.middle = nn.ModuleList([self._block(here, here, self.heights[-1], attend=True),
                                     self._block(here, here, self.heights[-1], attend=False)])  # fmt: skip
        self.up = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(config.blocks + 1):
                self.up.append(self._block(here + skips.pop(), width, self.heights[level]))
                here = width
            if level:
                self.up.append(self._block(here, here, self.heights[level - 1], "up"))
        self.norm, self.out = norm(here), self._conv(here, out_channels, config.size).zero()

    def forward(
        self, noisy: Float[Tensor, "B C R W"], sigma: Float[Tensor, " B"], condition: PlaneCondition | None = None
    ) -> Float[Tensor, "B D R W"]:
        """The prediction, then its variance if that is learned, of sqrt(1 - sigma²) x0 + sigma noise."""
        condition = condition or PlaneCondition()
        embedding = self.time(sigma, condition.z, condition.latent)
        tokens = [layer(scale) for layer, scale in zip(self.tokens, condition.features, strict=True)]
        image = noisy.contiguous(memory_format=torch.channels_last)
        if self.config.coupling == "concat":
            image = rearrange(image, "b c r (p w) -> b (p c) r w", p=3)
        hidden = self.stem(image)
        kept = [hidden]
        for block in cast("list[_Attended]", self.down):
            hidden = self._run(block, hidden, embedding, tokens)
            kept.append(hidden)
        for block in cast("list[_Attended]", self.middle):
            hidden = self._run(block, hidden, embedding, tokens)
        for block in cast("list[_Attended]", self.up):
            if block.block.resample is None:
                hidden = torch.cat([hidden, kept.pop()], 1)
            hidden = self._run(block, hidden, embedding, tokens)
        said = self.out(functional.silu(self.norm(hidden)))
        if self.config.coupling == "concat":  # prediction and variance are stacked for each plane
            said = rearrange(said, "b (n p c) r w -> b (n c) r (p w)", p=3, c=self.config.channels)
        return said

    def _run(self, block: "_Attended", hidden: Tensor, embedding: Tensor, tokens: list[Tensor]) -> Tensor:
        seen = tokens[block.scale] if block.scale is not None and tokens else None
        return saving_memory(block, self.config.save_memory and self.training, hidden, embedding, seen)

    def _block(
        self,
        channels: int,
        out_channels: int,
        height: int,
        resample: Resample | None = None,
        attend: bool | None = None,
    ) -> "_Attended":
        config = self.config
        block = PlaneResBlock(channels, out_channels, config.embedding, self._aware(height), resample, config.dropout)
        if attend is None:
            attend = height in config.attention_heights and resample is None
        if not attend:
            return _Attended(block, None, None)
        scale = config.attention_heights.index(height) if height in config.attention_heights else None
        scale = scale if scale is not None and scale < len(config.features) else None
        attention = JointAttention(
            out_channels, config.head_channels, config.token_channels if scale is not None else 0
        )
        return _Attended(block, attention, scale)

    def _aware(self, height: int) -> bool:
        return self.config.coupling == "aware" and height in self.config.aware_heights

    def _conv(self, channels: int, out_channels: int, height: int) -> PlaneConv | PlainConv:
        return PlaneConv(channels, out_channels) if self._aware(height) else PlainConv(channels, out_channels)


class Embedding(nn.Module):
    """Noise level, latent vector and pooled latent as one vector that modulates every block."""

    def __init__(self, embedding: int, z: int, latent: tuple[int, int] | None) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(TIME_FEATURES, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.z = nn.Linear(z, embedding) if z else None
        self.latent = LatentPool(*latent, embedding) if latent else None

    def forward(
        self,
        sigma: Float[Tensor, " B"],
        z: Float[Tensor, "B Z"] | None,
        latent: Float[Tensor, "B C H W"] | None,
    ) -> Float[Tensor, "B E"]:
        embedding = self.time(timestep_features(torch.asin(sigma.float()) * 2 / torch.pi, TIME_FEATURES))
        if self.z is not None and z is not None:
            embedding = embedding + self.z(z)
        if self.latent is not None and latent is not None:
            embedding = embedding + self.latent(latent)
        return embedding


class _Attended(nn.Module):
    """A residual block and the attention that may follow it."""

    def __init__(self, block: PlaneResBlock, attention: JointAttention | None, scale: int | None) -> None:
        super().__init__()
        self.block, self.attention, self.scale = block, attention, scale

    def forward(self, hidden: Tensor, embedding: Tensor, tokens: Tensor | None) -> Tensor:
        hidden = self.block(hidden, embedding)
        return hidden if self.attention is None else self.attention(hidden, tokens)


def with_parameters(config: PlaneUNetConfig, count: int) -> PlaneUNetConfig:
    """The same network at the width (a multiple of 8) whose parameters are nearest to `count`: comparisons of couplings
    are fair at equal size."""

    def size(width: int) -> int:
        with torch.device("meta"):
            network = PlaneUNet(replace(config, width=width))
        return sum(parameter.numel() for parameter in network.parameters())

    width = 8
    while size(width + 8) <= count:
        width += 8
    return replace(config, width=min((width, width + 8), key=lambda some: abs(size(some) - count)))
