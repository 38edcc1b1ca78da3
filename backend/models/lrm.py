# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture to feature planes in one pass: the large reconstruction model (Hong et al. 2024) in TripoSR's form
(Tochilkin et al. 2024)."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.cameras import Rays
from ..geometry.emission import one_pass
from ..geometry.feature_planes import TRIPOSR_AXES, FeaturePlanes
from .vit import Vit, VitConfig, joined, split

GROUPS = 32
"""Of the norm before the transformer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LrmConfig:
    """Sizes and conventions; the defaults are the published model's."""

    vit: VitConfig = field(default_factory=VitConfig)
    picture: int = 512
    """Side of the picture that the encoder sees."""
    side: int = 32
    """Of the planes of tokens; features have twice that."""
    width: int = 1024
    """Channels of a token."""
    heads: int = 16
    head: int = 64
    """Channels of a head."""
    layers: int = 16
    features: int = 40
    """Channels of each plane."""
    hidden: int = 64
    """Of the decoder."""
    depth: int = 9
    """Hidden layers of the decoder."""
    activation: Literal["silu", "relu"] = "silu"
    """Of the decoder."""
    reduction: Literal["concat", "mean"] = "concat"
    """How a point's features of the three planes come together."""
    radius: float = 0.87
    """Half the side of the box."""
    density: Literal["exp", "softplus"] = "exp"
    """Activation of the density."""
    density_bias: float = -1.0
    samples: int = 128
    """Along a ray."""
    threshold: float = 25.0
    """Density at the surface."""

    @classmethod
    def tiny(cls) -> "LrmConfig":
        """For tests."""
        return cls(
            vit=VitConfig.tiny(), picture=32, side=4, width=32, heads=2, head=16, layers=1, features=8, hidden=16,
            depth=2, samples=16,
        )  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "LrmConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**stored | {"vit": VitConfig(**stored["vit"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


class CrossBlock(nn.Module):
    """Attention among the planes' tokens, attention to the picture, a gated layer."""

    def __init__(self, config: LrmConfig) -> None:
        super().__init__()
        inner, seen, self.heads = config.heads * config.head, config.vit.width, config.heads
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(inner) for _ in range(3))
        self.own, self.other = Attention(inner, inner, config.heads), Attention(inner, seen, config.heads)
        self.wide, self.back = nn.Linear(inner, 8 * inner), nn.Linear(4 * inner, inner)

    def forward(self, x: Float[Tensor, "B N C"], seen: Float[Tensor, "B M K"]) -> Float[Tensor, "B N C"]:
        y = self.norm1(x)
        x = x + self.own(y, y)
        x = x + self.other(self.norm2(x), seen)
        values, gate = self.wide(self.norm3(x)).chunk(2, -1)
        return x + self.back(values * functional.gelu(gate))


class Attention(nn.Module):
    """Some tokens ask others."""

    def __init__(self, width: int, seen: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.k, self.v = nn.Linear(seen, width, bias=False), nn.Linear(seen, width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "B N C"], seen: Float[Tensor, "B M K"]) -> Float[Tensor, "B N C"]:
        q, k, v = split(self.q(x), self.heads), split(self.k(seen), self.heads), split(self.v(seen), self.heads)
        return self.out(joined(functional.scaled_dot_product_attention(q, k, v)))


class PlaneTransformer(nn.Module):
    """Learned tokens of the planes, given what the encoder saw."""

    def __init__(self, config: LrmConfig) -> None:
        super().__init__()
        inner = config.heads * config.head
        self.norm = nn.GroupNorm(GROUPS, config.width, eps=1e-6)
        self.into, self.back = nn.Linear(config.width, inner), nn.Linear(inner, config.width)
        self.blocks = nn.ModuleList(CrossBlock(config) for _ in range(config.layers))

    def forward(
        self, tokens: Float[Tensor, "B C N"], seen: Float[Tensor, "B M K"]
    ) -> Iterator[Float[Tensor, "B C N"] | int]:
        """Yields the number of each block done, then the tokens: closing it between two blocks cancels."""
        x = self.into(self.norm(tokens).transpose(1, 2))
        for index, block in enumerate(self.blocks):
            x = block(x, seen)
            yield index + 1
        yield tokens + self.back(x).transpose(1, 2)


class Lrm(nn.Module):
    """A picture to planes, and planes to colour and density at points."""

    def __init__(self, config: LrmConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Vit(config.vit)
        self.tokens = nn.Parameter(torch.randn(3, config.width, config.side, config.side) / math.sqrt(config.width))
        self.transformer = PlaneTransformer(config)
        self.upsample = nn.ConvTranspose2d(config.width, config.features, 2, stride=2)
        into = config.features * (3 if config.reduction == "concat" else 1)
        sizes = [into, *[config.hidden] * config.depth, 4]
        self.decoder = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))

    def steps(self, picture: Float[Tensor, "B 3 S S"]) -> Iterator[FeaturePlanes | int]:
        """Yields the number of each block done, then the planes. The picture is RGB in [0, 1] over grey."""
        config = self.config
        seen = self.encoder(picture)
        tokens = self.tokens.permute(1, 0, 2, 3).flatten(1).expand(len(picture), -1, -1)
        for step in self.transformer(tokens, seen):
            if isinstance(step, int):
                yield step
                continue
            grid = step.unflatten(2, (3, config.side, config.side)).transpose(1, 2).flatten(0, 1)
            yield FeaturePlanes(self.upsample(grid).unflatten(0, (-1, 3)), TRIPOSR_AXES, config.radius)

    def forward(self, picture: Float[Tensor, "B 3 S S"]) -> FeaturePlanes:
        """The planes of a picture."""
        *_, planes = self.steps(picture)
        assert isinstance(planes, FeaturePlanes)
        return planes

    def decode(self, seen: Float[Tensor, "*B 3 C"]) -> tuple[Float[Tensor, "*B 3"], Float[Tensor, "*B 1"]]:
        """Colour in [0, 1] and raw density from a point's features of the three planes."""
        x = seen.flatten(-2) if self.config.reduction == "concat" else seen.mean(-2)
        for index, layer in enumerate(self.decoder):
            x = layer(x)
            if index < len(self.decoder) - 1:
                x = functional.silu(x) if self.config.activation == "silu" else functional.relu(x)
        return torch.sigmoid(x[..., 1:]), x[..., :1]

    def density(self, raw: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Density from its raw value, box lengths inverted."""
        raw = raw + self.config.density_bias
        return torch.exp(raw) if self.config.density == "exp" else functional.softplus(raw)

    def render(self, planes: FeaturePlanes, rays: Rays) -> tuple[Float[Tensor, "M 3"], Float[Tensor, " M"]]:
        """Colour over white and coverage of rays [M] through one subject, in the model's own frame (+Z up, seen from
        +X)."""
        medium = lambda points: self.decode(planes.sample(points))  # noqa: E731
        return one_pass(medium, rays, planes.half, self.config.samples, self.density)
