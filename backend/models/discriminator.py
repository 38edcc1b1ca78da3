# SPDX-License-Identifier: GPL-3.0-or-later
"""StyleGAN2's discriminator (Karras et al. 2020, residual), told the camera by projection (Miyato and Koyama 2018).

It judges whole pictures of the full side: smaller renders are enlarged before it sees them. Where data have coverage it
is a fourth channel, and silhouettes teach shape.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .stylegan import Dense, Mapping, MappingConfig, clamped, leaky, smooth


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscriminatorConfig:
    """Sizes; the defaults are EG3D's at 512 pixels."""

    side: int = 512
    """Of the pictures, a power of two."""
    channels: int = 3
    """Of the pictures: 4 with coverage."""
    base: int = 32768
    """Channels of a layer times its side, up to `most`."""
    most: int = 512
    labels: int = 25
    """Numbers that say the camera; 0: it is not told."""
    label_layers: int = 8
    group: int = 4
    """Pictures that are compared with each other for their variety (Karras et al. 2018)."""
    clamp: float | None = 256.0

    @classmethod
    def tiny(cls) -> "DiscriminatorConfig":
        """For tests."""
        return cls(side=16, channels=4, base=128, most=16, label_layers=2)

    @classmethod
    def small(cls) -> "DiscriminatorConfig":
        """For one core."""
        return cls(side=64, channels=4, base=2048, most=128, label_layers=4)

    def width(self, side: int) -> int:
        """Channels of the layers at a side."""
        return min(self.base // side, self.most)


class Conv(nn.Module):
    """A convolution whose weights are scaled at run time; with `down`, blurred first and half the side."""

    def __init__(
        self, into: int, out: int, kernel: int, *, down: bool = False, active: bool = True, clamp: float | None = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, into, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out)) if active else None
        self.scale, self.down, self.clamp = 1 / math.sqrt(into * kernel * kernel), down, clamp

    def forward(self, x: Float[Tensor, "B I H W"], gain: float = 1.0) -> Float[Tensor, "B O G V"]:
        weight = self.weight * self.scale
        kernel = weight.shape[-1]
        if self.down:
            pad = 1 + kernel // 2  # one for the blur, and what the kernel reaches beyond its middle
            x = functional.conv2d(smooth(x, gain=1.0, pad=(pad, pad)), weight, stride=2)
        else:
            x = functional.conv2d(x, weight, padding=kernel // 2)
        if self.bias is not None:
            x = clamped(leaky(x + self.bias[:, None, None]), self.clamp)
        return x * gain


class Halving(nn.Module):
    """Two convolutions beside a plain one; half the side, the variance kept."""

    def __init__(self, into: int, out: int, clamp: float | None) -> None:
        super().__init__()
        self.conv0 = Conv(into, into, 3, clamp=clamp)
        self.conv1 = Conv(into, out, 3, down=True, clamp=clamp)
        self.skip = Conv(into, out, 1, down=True, active=False)

    def forward(self, x: Float[Tensor, "B I H W"]) -> Float[Tensor, "B O G V"]:
        return self.conv1(self.conv0(x), math.sqrt(0.5)) + self.skip(x, math.sqrt(0.5))


class Discriminator(nn.Module):
    """Pictures, and the cameras they were taken with, to one number each: high for real ones."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        clamp = config.clamp
        sides = [2**power for power in range(int(math.log2(config.side)), 2, -1)]
        self.stem = Conv(config.channels, config.width(config.side), 1, clamp=clamp)
        self.blocks = nn.ModuleList(Halving(config.width(side), config.width(side // 2), clamp) for side in sides)
        last = config.width(4)
        self.conv = Conv(last + 1, last, 3, clamp=clamp)
        self.dense = Dense(last * 16, last, active=True)
        self.out = Dense(last, last if config.labels else 1)
        self.label = (
            Mapping(MappingConfig(z=0, labels=config.labels, w=last, layers=config.label_layers))
            if config.labels
            else None
        )

    def forward(
        self, picture: Float[Tensor, "B C S S"], label: Float[Tensor, "B L"] | None = None
    ) -> Float[Tensor, " B"]:
        """Pictures in [-1, 1]."""
        x = self.stem(picture)
        for block in self.blocks:
            x = block(x)
        x = self.conv(torch.cat([x, variety(x, self.config.group)], 1))
        said = self.out(self.dense(x.flatten(1)))
        if self.label is None or label is None:
            return said.mean(1)
        camera = self.label(label.new_zeros(len(label), 0), label)
        return (said * camera).sum(1) / math.sqrt(camera.shape[1])


def variety(x: Float[Tensor, "B C H W"], group: int) -> Float[Tensor, "B 1 H W"]:
    """How much features differ within groups of a batch: their mean standard deviation, the same at every pixel."""
    batch, _, height, width = x.shape
    size = math.gcd(batch, group)
    apart = x.reshape(size, batch // size, -1).float()
    deviation = (apart.var(0, unbiased=False) + 1e-8).sqrt().mean(1)
    return deviation.repeat(size)[:, None, None, None].expand(-1, 1, height, width).to(x.dtype)


def r1_penalty(said: Float[Tensor, " B"], picture: Float[Tensor, "B C S S"]) -> Float[Tensor, ""]:
    """Mean squared norm of the gradient in the pictures, of which `said` was computed (Mescheder et al. 2018)."""
    (gradient,) = torch.autograd.grad(said.sum(), picture, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()
