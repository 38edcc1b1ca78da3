# SPDX-License-Identifier: GPL-3.0-or-later
"""The vision transformer (Dosovitskiy et al. 2021), as DINO (Caron et al. 2021) trained it and TripoSR sees with it."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the pictures it was trained on, RGB in [0, 1]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VitConfig:
    """Sizes."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    patch: int = 16
    """Side of a patch, pixels."""
    places: int = 14
    """Learned positions along a side; other sides are interpolated."""

    @classmethod
    def tiny(cls) -> "VitConfig":
        """For tests."""
        return cls(width=32, layers=1, heads=2, hidden=64, patch=8, places=2)


class VitBlock(nn.Module):
    """Attention and two linear layers, each after its norm and added."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.wide, self.back = nn.Linear(width, config.hidden), nn.Linear(config.hidden, width)

    def forward(self, x: Float[Tensor, "B N C"]) -> Float[Tensor, "B N C"]:
        y = self.norm1(x)
        q, k, v = (split(layer(y), self.heads) for layer in (self.q, self.k, self.v))
        x = x + self.out(joined(functional.scaled_dot_product_attention(q, k, v)))
        return x + self.back(functional.gelu(self.wide(self.norm2(x))))


class Vit(nn.Module):
    """A square picture to one feature vector for the whole and one per patch."""

    def __init__(self, config: VitConfig) -> None:
        super().__init__()
        self.config = config
        self.whole = nn.Parameter(torch.zeros(1, 1, config.width))
        self.places = nn.Parameter(torch.zeros(1, 1 + config.places**2, config.width))
        self.patches = nn.Conv2d(3, config.width, config.patch, stride=config.patch)
        self.blocks = nn.ModuleList(VitBlock(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width, eps=1e-12)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None], persistent=False)

    def forward(self, picture: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B N C"]:
        """RGB in [0, 1]; the first feature vector is the whole's."""
        seen = self.patches((picture - self.mean) / self.deviation)
        side = seen.shape[-1]
        tokens = torch.cat([self.whole.expand(len(seen), -1, -1), seen.flatten(2).transpose(1, 2)], 1)
        x = tokens + self._positions(side)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def _positions(self, side: int) -> Float[Tensor, "1 N C"]:
        own = self.config.places
        if side == own:
            return self.places
        grid = self.places[:, 1:].reshape(1, own, own, -1).permute(0, 3, 1, 2)
        # The tenth of a patch was meant against rounding; the weights were trained with what it does to the places.
        scale = (side + 0.1) / own
        grid = functional.interpolate(grid, scale_factor=(scale, scale), mode="bicubic", align_corners=False)
        return torch.cat([self.places[:, :1], grid.flatten(2).transpose(1, 2)], 1)


def split(x: Float[Tensor, "B N C"], heads: int) -> Float[Tensor, "B H N D"]:
    """The channels as heads."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def joined(x: Float[Tensor, "B H N D"]) -> Float[Tensor, "B N C"]:
    """The heads as channels."""
    return x.transpose(1, 2).flatten(2)
