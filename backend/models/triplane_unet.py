# SPDX-License-Identifier: GPL-3.0-or-later
"""The base diffusion network on rolled-out latent planes.

3D-aware convolutions at the highest resolution, where detail is made, and transformer blocks with the portrait's
tokens below it, where the planes and the picture have to agree: most of the work becomes plain matrix products.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import PlaneConv, ResBlock, norm, timestep_features
from .portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from .principal import PrincipalPath


@dataclass(frozen=True, slots=True, kw_only=True)
class UNetConfig:
    """Sizes of the base network."""

    latent_channels: int = 48
    latent_size: int = 16
    width: int = 112
    """Channels of the convolutional level, at the latent's own side."""
    inner_width: int = 256
    """Channels of the transformer level, at half the side."""
    inner_blocks: int = 5
    components: int = 128
    """Principal components of people that have a path of their own."""
    head_channels: int = 64
    portrait: PortraitEncoderConfig = field(default_factory=PortraitEncoderConfig)

    @classmethod
    def tiny(cls) -> "UNetConfig":
        """For tests."""
        return cls(latent_channels=16, latent_size=8, width=16, inner_width=32, inner_blocks=2, head_channels=16,
                   components=4, portrait=PortraitEncoderConfig.tiny())  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict) -> "UNetConfig":
        """Rebuild from what `dataclasses.asdict` gave."""
        portrait = PortraitEncoderConfig(**{**stored["portrait"], "widths": tuple(stored["portrait"]["widths"])})
        return cls(**{**stored, "portrait": portrait})


@dataclass(frozen=True, slots=True)
class Seen:
    """A condition as the network takes it, of portraits or of their absence."""

    tokens: Float[Tensor, "B T D"]
    embedding: Float[Tensor, "B E"]
    expected: Float[Tensor, "B K"]
    """Principal components that a glance at the portrait suggests, in their deviations."""
    doubt: Float[Tensor, "B K"]
    """Share of their variance that this leaves open."""


class TriplaneUNet(nn.Module):
    """Clean latent planes from noisy ones, given a portrait or nothing."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        width, inner, embedding = config.width, config.inner_width, config.portrait.embedding
        self.portrait = PortraitEncoder(config.portrait)
        token_count = 5 * (config.portrait.image_size // 16) ** 2
        self.no_tokens = nn.Parameter(0.02 * torch.randn(token_count, config.portrait.token_channels))
        self.no_embedding = nn.Parameter(torch.zeros(embedding))
        self.glance = nn.Sequential(nn.SiLU(), nn.Linear(embedding, config.components))
        self.doubt = nn.Parameter(torch.zeros(config.components))
        self.time = nn.Sequential(nn.Linear(128, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        size = config.latent_channels * config.latent_size * 3 * config.latent_size
        self.principal = PrincipalPath(config.components, size, embedding, 512)
        self.stem = PlaneConv(config.latent_channels, width)
        self.enter = ResBlock(width, width, embedding)
        self.down = nn.Conv2d(width, inner, 2, stride=2)
        side = config.latent_size // 2
        self.place = nn.Parameter(0.02 * torch.randn(3 * side * side, inner))
        self.token_norm = nn.LayerNorm(config.portrait.token_channels)
        self.blocks = nn.ModuleList(
            TransformerBlock(inner, config.portrait.token_channels, embedding, config.head_channels)
            for _ in range(config.inner_blocks)
        )
        self.up = nn.Linear(inner, 4 * width)
        self.leave = nn.ModuleList([ResBlock(2 * width, width, embedding), ResBlock(width, width, embedding)])
        self.norm, self.out = norm(width), PlaneConv(width, config.latent_channels).zero()

    def condition(self, portrait: Float[Tensor, "B 4 H W"], dropped: Tensor | None = None) -> Seen:
        """What portraits in [-1, 1] with their matte say; where `dropped` [B] is true, what no portrait says."""
        tokens, embedding = self.portrait(portrait)
        expected = self.glance(embedding)
        doubt = torch.sigmoid(self.doubt).expand_as(expected)
        if dropped is None:
            return Seen(tokens.float(), embedding.float(), expected.float(), doubt)
        free = self.no_condition(len(portrait))
        rows = dropped[:, None]
        return Seen(
            torch.where(rows[..., None], free.tokens, tokens.float()),
            torch.where(rows, free.embedding, embedding.float()),
            torch.where(rows, free.expected, expected.float()),
            torch.where(rows, free.doubt, doubt),
        )

    def no_condition(self, batch: int) -> Seen:
        """What stands for a portrait where there is none."""
        expected = torch.zeros(batch, self.config.components, device=self.doubt.device)
        tokens, embedding = self.no_tokens.expand(batch, -1, -1), self.no_embedding.expand(batch, -1)
        return Seen(tokens, embedding, expected, torch.ones_like(expected))

    def forward(
        self, noisy: Float[Tensor, "B L R W"], sigma: Float[Tensor, " B"], condition: Seen
    ) -> Float[Tensor, "B L R W"]:
        """x0 where `noisy` is sqrt(1 - sigma²) x0 + sigma noise and x0 has mean zero and about unit variance."""
        moment = self.time(timestep_features(torch.asin(sigma.float()) * 2 / torch.pi, 128))
        embedding = moment + condition.embedding
        with torch.autocast(noisy.device.type, enabled=False):
            x = noisy.float().flatten(1)
            known = self.principal(
                x, sigma.float()[:, None], embedding.float(), condition.expected, condition.doubt
            ).view_as(noisy)
        tokens = self.token_norm(condition.tokens)
        image = noisy.contiguous(memory_format=torch.channels_last)
        entered = self.enter(self.stem(image), embedding)
        inner = self.down(entered)
        batch, _, height, width = inner.shape
        hidden = inner.flatten(2).transpose(1, 2) + self.place
        for block in self.blocks:
            hidden = block(hidden, tokens, embedding)
        grown = self.up(hidden).transpose(1, 2).reshape(batch, -1, height, width)
        hidden = torch.cat([functional.pixel_shuffle(grown, 2), entered], 1)
        for block in self.leave:
            hidden = block(hidden, embedding)
        correction = self.out(functional.silu(self.norm(hidden)))
        return known + sigma.float()[:, None, None, None] * correction.float()


class TransformerBlock(nn.Module):
    """Self-attention joined by condition tokens, then a feed-forward layer; modulated by time and portrait (adaLN,
    Peebles and Xie 2023)."""

    def __init__(self, channels: int, token_channels: int, embedding: int, head_channels: int) -> None:
        super().__init__()
        self.heads = channels // head_channels
        self.norm1 = nn.LayerNorm(channels, elementwise_affine=False)
        self.norm2 = nn.LayerNorm(channels, elementwise_affine=False)
        self.modulate = nn.Linear(embedding, 6 * channels)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)
        self.query_key_value = nn.Linear(channels, 3 * channels)
        self.token_key_value = nn.Linear(token_channels, 2 * channels)
        self.mix = nn.Linear(channels, channels)
        self.feed = nn.Sequential(nn.Linear(channels, 4 * channels), nn.GELU("tanh"), nn.Linear(4 * channels, channels))

    def forward(
        self, hidden: Float[Tensor, "B T C"], tokens: Float[Tensor, "B K D"], embedding: Float[Tensor, "B E"]
    ) -> Float[Tensor, "B T C"]:
        changes = self.modulate(functional.silu(embedding))[:, None].chunk(6, -1)
        shift1, scale1, gate1, shift2, scale2, gate2 = changes
        query, key, value = self._split(self.query_key_value(self.norm1(hidden) * (1 + scale1) + shift1), 3)
        seen_key, seen_value = self._split(self.token_key_value(tokens), 2)
        mixed = functional.scaled_dot_product_attention(
            query, torch.cat([seen_key, key], 2), torch.cat([seen_value, value], 2)
        )
        hidden = hidden + gate1 * self.mix(mixed.transpose(1, 2).flatten(2))
        return hidden + gate2 * self.feed(self.norm2(hidden) * (1 + scale2) + shift2)

    def _split(self, joined: Tensor, parts: int) -> tuple[Tensor, ...]:
        batch, count, _ = joined.shape
        return joined.reshape(batch, count, parts, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
