# SPDX-License-Identifier: GPL-3.0-or-later
"""Blocks of the large networks on planes (Rodin, section 3.2; RodinHD, section 3.3): coupled residual blocks, attention
joined by a portrait's tokens, and a portrait's features as tokens and as one vector."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from .layers import PlaneConv, norm

Resample = Literal["up", "down"]


class PlaneResBlock(nn.Module):
    """Residual block modulated by an embedding (AdaGN), which may halve or double the side; its second convolution is
    3D-aware on request."""

    def __init__(
        self,
        channels: int,
        out_channels: int,
        embedding: int,
        aware: bool,
        resample: Resample | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.resample = resample
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, out_channels, 3, padding=1)
        self.modulate = nn.Linear(embedding, 2 * out_channels)
        self.norm2, self.dropout = norm(out_channels), nn.Dropout(dropout)
        self.conv2 = PlaneConv(out_channels, out_channels).zero() if aware else PlainConv(out_channels).zero()
        self.skip = nn.Conv2d(channels, out_channels, 1) if channels != out_channels else nn.Identity()

    def forward(self, image: Float[Tensor, "B C R W"], embedding: Float[Tensor, "B E"]) -> Float[Tensor, "B K S V"]:
        hidden = self.conv1(self._resized(functional.silu(self.norm1(image))))
        scale, shift = self.modulate(functional.silu(embedding))[:, :, None, None].chunk(2, 1)
        hidden = self.norm2(hidden) * (1 + scale) + shift
        return self.skip(self._resized(image)) + self.conv2(self.dropout(functional.silu(hidden)))

    def _resized(self, image: Tensor) -> Tensor:
        # Planes have even sides: neither crosses the seams of the roll-out.
        if self.resample == "down":
            return functional.avg_pool2d(image, 2)
        return functional.interpolate(image, scale_factor=2.0) if self.resample == "up" else image


class PlainConv(nn.Conv2d):
    """A 3 x 3 convolution that can start as no change, as `PlaneConv` can."""

    def __init__(self, channels: int, out_channels: int | None = None) -> None:
        super().__init__(channels, out_channels or channels, 3, padding=1)

    def zero(self) -> "PlainConv":
        """Start as no change."""
        nn.init.zeros_(self.weight)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        return self


class JointAttention(nn.Module):
    """Self-attention over all pixels of all planes; a portrait's tokens join its keys and values (RodinHD)."""

    def __init__(self, channels: int, head_channels: int, token_channels: int = 0) -> None:
        super().__init__()
        self.heads = heads(channels, head_channels)
        self.norm, self.query_key_value = norm(channels), nn.Conv1d(channels, 3 * channels, 1)
        self.token_key_value = nn.Linear(token_channels, 2 * channels) if token_channels else None
        self.out = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(
        self, image: Float[Tensor, "B C R W"], tokens: Float[Tensor, "B T D"] | None = None
    ) -> Float[Tensor, "B C R W"]:
        joined = self.query_key_value(self.norm(image).flatten(2))
        query, key, value = rearrange(joined, "b (n h c) t -> n b h t c", n=3, h=self.heads)
        if self.token_key_value is not None and tokens is not None:
            seen = rearrange(self.token_key_value(tokens), "b t (n h c) -> n b h t c", n=2, h=self.heads)
            key, value = torch.cat([seen[0].to(key.dtype), key], 2), torch.cat([seen[1].to(value.dtype), value], 2)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return image + self.out(rearrange(mixed, "b h t c -> b (h c) t")).view_as(image)


class CrossAttention(nn.Module):
    """Every pixel of all planes asks a portrait's tokens, and only those."""

    def __init__(self, channels: int, head_channels: int, token_channels: int) -> None:
        super().__init__()
        self.heads = heads(channels, head_channels)
        self.norm, self.query = norm(channels), nn.Conv1d(channels, channels, 1)
        self.key_value = nn.Linear(token_channels, 2 * channels)
        self.out = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, image: Float[Tensor, "B C R W"], tokens: Float[Tensor, "B T D"]) -> Float[Tensor, "B C R W"]:
        query = rearrange(self.query(self.norm(image).flatten(2)), "b (h c) t -> b h t c", h=self.heads)
        key, value = rearrange(self.key_value(tokens), "b t (n h c) -> n b h t c", n=2, h=self.heads).to(query.dtype)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return image + self.out(rearrange(mixed, "b h t c -> b (h c) t")).view_as(image)


class FeatureTokens(nn.Module):
    """One scale of a portrait's features as `side`² tokens."""

    def __init__(self, channels: int, size: int, token_channels: int, side: int = 8) -> None:
        super().__init__()
        groups = 8 if channels % 8 == 0 else 1
        self.norm = nn.GroupNorm(groups, channels)
        self.patch = nn.Conv2d(channels, token_channels, size // side, stride=size // side)

    def forward(self, features: Float[Tensor, "B C H W"]) -> Float[Tensor, "B T D"]:
        return self.patch(self.norm(features)).flatten(2).transpose(1, 2)


class LatentPool(nn.Module):
    """A portrait's latent as one vector: patches, attention from their mean, two norms (RodinHD's global path)."""

    def __init__(self, channels: int, size: int, embedding: int, width: int = 64, heads: int = 8) -> None:
        super().__init__()
        patch = min(16, size)
        self.patch = nn.Conv2d(channels, width, patch, stride=patch)
        self.pool = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm, self.out, self.out_norm = nn.LayerNorm(width), nn.Linear(width, embedding), nn.LayerNorm(embedding)

    def forward(self, latent: Float[Tensor, "B C H W"]) -> Float[Tensor, "B E"]:
        tokens = self.patch(latent).flatten(2).transpose(1, 2)
        mean = tokens.mean(1, keepdim=True)
        pooled, _ = self.pool(mean, torch.cat([mean, tokens], 1), torch.cat([mean, tokens], 1), need_weights=False)
        return self.out_norm(self.out(self.norm(pooled[:, 0])))


def heads(channels: int, head_channels: int) -> int:
    """Heads of so many channels each; one where there are fewer channels."""
    return max(1, channels // head_channels)


def saving_memory(block: Callable[..., Tensor], active: bool, *arguments: Any) -> Tensor:
    """Call a block; where `active`, its inner values are computed again in the backward pass instead of kept."""
    if active and torch.is_grad_enabled():
        return checkpoint(block, *arguments, use_reentrant=False)
    return block(*arguments)
