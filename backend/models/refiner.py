# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of an avatar made larger and sharper by convolutions (Rodin, section 3.3): no field stands behind it.

A U-Net takes the render apart and a decoder puts it together again; half of the decoder's channels are scaled and
shifted by what the encoder saw at the same place, the other half is free to invent (channel-split spatial feature
transform, Wang et al. 2021, GFPGAN, eq. 5). Its published generative prior, a StyleGAN of faces, cannot be had here.
"""

import itertools
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import norm


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinerConfig:
    """Sizes of the view refiner."""

    scale: int = 4
    """The side of what comes out over that of what comes in; a power of two."""
    width: int = 48
    """Channels at the render's own side."""
    multipliers: tuple[int, ...] = (1, 2, 4)
    """Of the width, at the render's side and its halves."""
    out_width: int = 24
    """Channels at the larger sides."""

    @classmethod
    def tiny(cls) -> "RefinerConfig":
        """For tests."""
        return cls(scale=2, width=8, multipliers=(1, 2), out_width=8)


class ViewRefiner(nn.Module):
    """Renders over white with their coverage, in [0, 1], to larger renders over white; what it adds starts at zero."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        if config.scale < 1 or config.scale & (config.scale - 1):
            raise ValueError(f"scale must be a power of two, got {config.scale}")
        self.config = config
        sizes = [config.width * multiplier for multiplier in config.multipliers]
        self.stem = nn.Conv2d(4, sizes[0], 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in itertools.pairwise(sizes))
        self.seeing = nn.ModuleList(_Block(size) for size in sizes)
        self.transform = nn.ModuleList(nn.Conv2d(size, size, 3, padding=1) for size in sizes)
        self.making = nn.ModuleList(_Block(size) for size in sizes)
        self.up = nn.ModuleList(nn.Conv2d(b, a, 3, padding=1) for a, b in itertools.pairwise(sizes))
        wide = [sizes[0]] + [config.out_width] * (config.scale.bit_length() - 1)
        self.grow = nn.ModuleList(nn.Conv2d(a, 4 * b, 3, padding=1) for a, b in itertools.pairwise(wide))
        self.out = nn.Conv2d(wide[-1], 3, 3, padding=1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    @property
    def least(self) -> int:
        """Sides of renders must be multiples of this."""
        return 2 ** (len(self.config.multipliers) - 1)

    def forward(self, render: Float[Tensor, "B 4 H W"]) -> Float[Tensor, "B 3 K L"]:
        """Larger pictures; values may leave [0, 1] a little."""
        if render.shape[-1] % self.least or render.shape[-2] % self.least:
            raise ValueError(f"sides of a render must be multiples of {self.least}, got {list(render.shape[-2:])}")
        seen = [self.seeing[0](self.stem(2 * render - 1))]
        for down, block in zip(self.down, self.seeing[1:], strict=True):
            seen.append(block(down(seen[-1])))
        hidden = torch.zeros_like(seen[-1])
        for level in reversed(range(len(seen))):
            hidden = self.making[level](self._told(hidden, seen[level], level))
            if level:
                hidden = self.up[level - 1](_twice(hidden))
        for grow in self.grow:
            hidden = functional.silu(functional.pixel_shuffle(grow(hidden), 2))
        plain = render[:, :3]
        if self.config.scale > 1:
            plain = functional.interpolate(plain, scale_factor=self.config.scale, mode="bicubic", align_corners=False)
        return plain + self.out(hidden)

    def _told(self, hidden: Tensor, seen: Tensor, level: int) -> Tensor:
        """Half of the channels scaled and shifted by the encoder's features, the other half as it is."""
        free, led = hidden.chunk(2, 1)
        scale, shift = self.transform[level](seen).chunk(2, 1)
        return torch.cat([free, led * (1 + scale) + shift], 1)


class PatchJudge(nn.Module):
    """Says of every place of a picture how likely it is a photograph's (Isola et al. 2017)."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(width, 2 * width, 4, 2, 1), norm(2 * width), nn.LeakyReLU(0.2),
            nn.Conv2d(2 * width, 1, 3, 1, 1),
        )  # fmt: skip

    def forward(self, picture: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 h w"]:
        """Logits at a quarter of the side."""
        return self.layers(2 * picture - 1)


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = norm(channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.conv1(functional.silu(self.norm1(image)))
        return image + self.conv2(functional.silu(self.norm2(hidden)))


def _twice(image: Tensor) -> Tensor:
    return functional.interpolate(image, scale_factor=2, mode="nearest")
