# SPDX-License-Identifier: GPL-3.0-or-later
"""The default base network: clean latent planes from noisy ones, given a portrait, a place in the space of z, or
nothing.

3D-aware convolutions at the highest resolution, where detail is made, and transformer blocks with the portrait's
tokens below it, where planes and picture have to agree: most of the work becomes plain matrix products. A path along
the people's principal components starts as the exact posterior of a Gaussian whose mean the condition has moved: what
a reader, learned before, reads off a portrait, or what z stands for.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from .layers import PlaneConv, ResBlock, norm, timestep_features
from .laying import lay_on_plane
from .plane_decoder import fold
from .portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from .portrait_reader import PortraitReader, PortraitReaderConfig
from .principal import PrincipalPath, shown

PORTRAIT, IMAGE_Z, TEXT_Z, NOTHING = range(4)
"""What a condition rests on: picture and z; z of a picture alone; z of a sentence; nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentDenoiserConfig:
    """Sizes of the base network, and which ways a portrait takes into it."""

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
    embedding: int = 256
    z_size: int = 256
    tokens: bool = True
    """Joint attention to multi-scale features of the portrait (RodinHD)."""
    modulated: bool = True
    """z by adaptive normalisation (Rodin)."""
    aligned: bool = True
    """The portrait laid onto the plane xy, as input channels."""
    aligned_size: int = 128
    portrait: PortraitEncoderConfig = field(default_factory=lambda: PortraitEncoderConfig(widths=(48, 96, 192)))
    reader: PortraitReaderConfig = field(default_factory=PortraitReaderConfig)
    """As many components."""

    @classmethod
    def tiny(cls) -> "LatentDenoiserConfig":
        """For tests."""
        return cls(latent_channels=16, latent_size=8, width=16, inner_width=32, inner_blocks=1, head_channels=16,
                   components=4, embedding=32, z_size=32, aligned_size=32,
                   portrait=PortraitEncoderConfig.tiny(), reader=PortraitReaderConfig.tiny())  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "LatentDenoiserConfig":
        """Rebuild from what `to_json` gave."""
        portrait = PortraitEncoderConfig(**{**stored["portrait"], "widths": tuple(stored["portrait"]["widths"])})
        return cls(**{**stored, "portrait": portrait, "reader": PortraitReaderConfig.from_json(stored["reader"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Seen:
    """Conditions as the network takes them."""

    tokens: Float[Tensor, "B T D"]
    embedding: Float[Tensor, "B E"]
    laid: Float[Tensor, "B F R R"]
    """Portraits on the plane xy, folded; zeros without."""
    expected: Float[Tensor, "B K"]
    """Principal components that the condition suggests, in their deviations."""
    beyond: Float[Tensor, "B L R W"]
    """What it suggests that the components do not hold."""
    doubt: Float[Tensor, "B K"]
    """Share of their variance that this leaves open."""


class LatentDenoiser(nn.Module):
    """x0 from sqrt(1 - sigma²) x0 + sigma noise, where x0 has mean zero and about unit variance."""

    depth: Tensor

    def __init__(self, config: LatentDenoiserConfig) -> None:
        super().__init__()
        self.config = config
        width, inner, embedding, side = config.width, config.inner_width, config.embedding, config.latent_size // 2
        token_channels = config.portrait.token_channels
        self.register_buffer("depth", torch.zeros(config.aligned_size, config.aligned_size))
        self.portrait = PortraitEncoder(config.portrait)
        self.no_tokens = nn.Parameter(0.02 * torch.randn(self.portrait.token_count, token_channels))
        self.kind = nn.Embedding(4, embedding)
        self.enter_z = nn.Linear(config.z_size, embedding)
        self.suggest = nn.Sequential(
            nn.Linear(embedding, 2 * embedding), nn.SiLU(), nn.Linear(2 * embedding, config.components)
        )
        self.read = PortraitReader(config.reader)
        self.doubt = nn.Parameter(torch.zeros(4, config.components))
        self.time = nn.Sequential(nn.Linear(128, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        size = config.latent_channels * config.latent_size * 3 * config.latent_size
        self.principal = PrincipalPath(config.components, size, embedding, 512)
        self.stem = PlaneConv(config.latent_channels, width)
        laid_channels = 4 * (config.aligned_size // config.latent_size) ** 2
        self.enter_laid = nn.Sequential(
            nn.Conv2d(laid_channels, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
        )
        self.enter = ResBlock(width, width, embedding)
        self.down = nn.Conv2d(width, inner, 2, stride=2)
        self.place = nn.Parameter(0.02 * torch.randn(3 * side * side, inner))
        self.token_norm = nn.LayerNorm(token_channels)
        self.blocks = nn.ModuleList(
            TransformerBlock(inner, token_channels, embedding, config.head_channels) for _ in range(config.inner_blocks)
        )
        self.up = nn.Linear(inner, 4 * width)
        self.leave = nn.ModuleList([ResBlock(2 * width, width, embedding), ResBlock(width, width, embedding)])
        self.norm, self.out = norm(width), PlaneConv(width, config.latent_channels).zero()

    def see(
        self,
        kind: Int[Tensor, " B"],
        z: Float[Tensor, "B Z"] | None = None,
        suggested: Float[Tensor, "B K"] | None = None,
        portrait: Float[Tensor, "B 4 H W"] | None = None,
        angles: Float[Tensor, "B 2"] | None = None,
    ) -> Seen:
        """Conditions of the kinds PORTRAIT, IMAGE_Z, TEXT_Z and NOTHING; what is not of its kind a row ignores.

        `suggested` are the principal components that z stands for (`embedding.JointEmbedding.components`); portraits
        lie in [-1, 1] with their matte as the fourth channel, taken from `angles` (azimuth, elevation), radians.
        """
        config, batch, device = self.config, len(kind), self.depth.device
        embedding = self.kind(kind).float()
        expected = torch.zeros(batch, config.components, device=device)
        known = (kind != NOTHING)[:, None]
        if z is not None and suggested is not None:
            if config.modulated:
                embedding = embedding + torch.where(known, self.enter_z(z).float(), 0.0)
            expected = torch.where(known, suggested.float(), 0.0)
        tokens = self.no_tokens.expand(batch, -1, -1)
        side = config.latent_size
        laid = torch.zeros(batch, 4 * (config.aligned_size // side) ** 2, side, side, device=device)
        beyond = torch.zeros(batch, config.latent_channels, side, 3 * side, device=device)
        if portrait is not None:
            pictured = (kind == PORTRAIT)[:, None]
            seen, whole = self.portrait(portrait)
            if config.tokens:
                tokens = torch.where(pictured[..., None], seen.float(), tokens)
            if config.modulated:
                embedding = embedding + torch.where(pictured, whole.float(), 0.0)
            if config.aligned:
                where = torch.zeros(batch, 2) if angles is None else angles
                plain = lay_on_plane(portrait, where, self.depth).float()
                flat = fold(plain, config.aligned_size // side)
                laid = torch.where(pictured[..., None, None], flat, laid)
                with torch.autocast(device.type, enabled=False):
                    read = shown(self.principal, *self.read(portrait.float(), plain, where.to(device)))
                    components, rest = self.principal.split(read.flatten(1))
                expected = torch.where(pictured, components, expected)
                beyond = torch.where(pictured[..., None, None], rest.view_as(beyond), 0.0)
        expected = torch.where(known, expected + self.suggest(embedding).float(), 0.0)
        doubt = torch.where(known, torch.sigmoid(self.doubt[kind]), 1.0)
        return Seen(tokens, embedding, laid, expected, beyond, doubt)

    def nothing(self, batch: int) -> Seen:
        """No condition."""
        return self.see(torch.full((batch,), NOTHING, device=self.depth.device))

    def forward(
        self, noisy: Float[Tensor, "B L R W"], sigma: Float[Tensor, " B"], seen: Seen
    ) -> Float[Tensor, "B L R W"]:
        """The clean latent."""
        moment = self.time(timestep_features(torch.asin(sigma.float().clamp(max=1)) * 2 / torch.pi, 128))
        embedding = moment + seen.embedding
        with torch.autocast(noisy.device.type, enabled=False):
            x = noisy.float().flatten(1)
            known = self.principal(
                x, sigma.float()[:, None], embedding.float(), seen.expected, seen.doubt, seen.beyond.float().flatten(1)
            )
            known = known.view_as(noisy)
        image = noisy.contiguous(memory_format=torch.channels_last)
        laid = functional.pad(self.enter_laid(seen.laid), (0, 2 * self.config.latent_size))
        entered = self.enter(self.stem(image) + laid, embedding)
        inner = self.down(entered)
        batch, _, height, width = inner.shape
        hidden = inner.flatten(2).transpose(1, 2) + self.place
        tokens = self.token_norm(seen.tokens)
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
