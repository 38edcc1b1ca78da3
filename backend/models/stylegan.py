# SPDX-License-Identifier: GPL-3.0-or-later
"""StyleGAN2 (Karras et al. 2020) with skip connections: a latent to w, and w to an image of any number of channels.

Runtime-scaled weights ("equalised learning rate") are kept, so that the same networks can be trained.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

Noise = Literal["const", "none"]
"""Whether a layer adds the noise that belongs to its weights."""
LEAK = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingConfig:
    """Sizes of the way from z to w."""

    z: int = 512
    """Numbers of the latent."""
    labels: int = 25
    """Numbers of the condition, 0 for none: a camera's pose and intrinsics."""
    w: int = 512
    """Numbers of a style."""
    layers: int = 8
    rate: float = 0.01
    """By how much the layers' weights are scaled at run time."""
    linear_end: bool = False
    """Whether the last layer has no activation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisConfig:
    """Sizes of the way from styles to an image."""

    w: int = 512
    side: int = 256
    """Of the image, a power of two."""
    channels: int = 96
    """Of the image."""
    base: int = 32768
    """Channels of a layer times its side, up to `most`."""
    most: int = 512
    clamp: float | None = 256.0
    """Activations stay within this, as half precision demands."""

    @property
    def sides(self) -> tuple[int, ...]:
        """Of the blocks: 4 and its doubles."""
        return tuple(2**power for power in range(2, int(math.log2(self.side)) + 1))

    @property
    def styles(self) -> int:
        """Styles that an image takes: one per convolution and one for the last colours."""
        return 2 * len(self.sides)

    def width(self, side: int) -> int:
        """Channels of the layers at a side."""
        return min(self.base // side, self.most)


class Dense(nn.Module):
    """A linear layer whose weights are scaled at run time."""

    def __init__(self, into: int, out: int, rate: float = 1.0, bias: float = 0.0, active: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, into) / rate)
        self.bias = nn.Parameter(torch.full([out], float(bias)))
        self.scale, self.rate, self.active = rate / math.sqrt(into), rate, active

    def forward(self, x: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        y = functional.linear(x, self.weight * self.scale, self.bias * self.rate)
        return leaky(y) if self.active else y


class Mapping(nn.Module):
    """z, and a condition, to w."""

    def __init__(self, config: MappingConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = Dense(config.labels, config.w) if config.labels else None
        sizes = [config.z + (config.w if config.labels else 0), *[config.w] * (config.layers - 1), config.w]
        ends = [True] * (config.layers - 1) + [not config.linear_end]
        self.layers = nn.ModuleList(
            Dense(into, out, config.rate, active=active)
            for (into, out), active in zip(pairwise(sizes), ends, strict=True)
        )
        self.mean: Tensor
        self.register_buffer("mean", torch.zeros(config.w))

    def forward(
        self, z: Float[Tensor, "B Z"], label: Float[Tensor, "B L"] | None = None, truncation: float = 1.0
    ) -> Float[Tensor, "B W"]:
        """`truncation` below 1 draws styles towards their mean (psi)."""
        x = unit_moment(z)
        if self.embed is not None:
            x = torch.cat([x, unit_moment(self.embed(label))], 1)
        for layer in self.layers:
            x = layer(x)
        return self.mean.lerp(x.to(self.mean.dtype), truncation)


class ModulatedConv(nn.Module):
    """A convolution whose input channels a style scales, then bias and activation (Karras et al. 2020, section 2.2)."""

    def __init__(self, into: int, out: int, w: int, side: int, *, up: bool = False, clamp: float | None = None) -> None:
        super().__init__()
        self.up, self.clamp = up, clamp
        self.affine = Dense(w, into, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out, into, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.noise: Tensor
        self.register_buffer("noise", torch.randn(side, side))

    def forward(self, x: Float[Tensor, "B I H W"], w: Float[Tensor, "B V"], noise: Noise) -> Float[Tensor, "B O G U"]:
        style = self.affine(w)
        # Scaling input and output of one common convolution is the same as one kernel per sample, and shares it.
        norm = torch.einsum("oikl,bi->bo", self.weight.square(), style.square())
        x = x * style[:, :, None, None]
        if self.up:
            x = functional.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2)
            x = smooth(x, gain=4.0, pad=(1, 1))
        else:
            x = functional.conv2d(x, self.weight, padding=1)
        x = x * (norm + 1e-8).rsqrt()[:, :, None, None]
        if noise == "const":
            x = x + self.noise * self.noise_strength
        return clamped(leaky(x + self.bias[:, None, None]), self.clamp)


class ToImage(nn.Module):
    """Features to image channels by a modulated 1 x 1 convolution without demodulation."""

    def __init__(self, into: int, out: int, w: int, clamp: float | None = None) -> None:
        super().__init__()
        self.clamp = clamp
        self.affine = Dense(w, into, bias=1.0)
        self.weight = nn.Parameter(torch.randn(out, into, 1, 1))
        self.bias = nn.Parameter(torch.zeros(out))

    def matrix(self, w: Float[Tensor, "B V"]) -> Float[Tensor, "B O I"]:
        """What it does to one pixel, the bias apart."""
        style = self.affine(w) / math.sqrt(self.weight.shape[1])
        return self.weight[None, :, :, 0, 0] * style[:, None]

    def forward(self, x: Float[Tensor, "B I H W"], w: Float[Tensor, "B V"]) -> Float[Tensor, "B O H W"]:
        image = torch.einsum("boi,bihw->bohw", self.matrix(w), x)
        return clamped(image + self.bias[:, None, None], self.clamp)


class Block(nn.Module):
    """Two convolutions at one side, and what they add to the image."""

    def __init__(self, into: int, out: int, channels: int, w: int, side: int, *, up: bool, clamp: float | None) -> None:
        super().__init__()
        self.up = up
        self.const = None if into else nn.Parameter(torch.randn(out, side, side))
        self.conv0 = ModulatedConv(into, out, w, side, up=up, clamp=clamp) if into else None
        self.conv1 = ModulatedConv(out, out, w, side, clamp=clamp)
        self.to_image = ToImage(out, channels, w, clamp)

    def forward(
        self,
        x: Float[Tensor, "B I H W"] | None,
        image: Float[Tensor, "B C H W"] | None,
        styles: Float[Tensor, "B K V"],
        noise: Noise,
    ) -> tuple[Float[Tensor, "B O G U"], Float[Tensor, "B C G U"]]:
        """Takes three styles, or two where there is no input."""
        each = list(styles.unbind(1))
        if self.const is not None:
            x = self.const.expand(len(styles), -1, -1, -1)
        elif self.conv0 is not None and x is not None:
            x = self.conv0(x, each.pop(0), noise)
        x = self.conv1(x, each.pop(0), noise)
        added = self.to_image(x, each.pop(0))
        if image is None:
            return x, added
        return x, (enlarge(image) if self.up else image) + added


class Synthesis(nn.Module):
    """Styles to an image."""

    def __init__(self, config: SynthesisConfig) -> None:
        super().__init__()
        self.config = config
        self.blocks = nn.ModuleList()
        into = 0
        for side in config.sides:
            out = config.width(side)
            self.blocks.append(Block(into, out, config.channels, config.w, side, up=into > 0, clamp=config.clamp))
            into = out

    def forward(self, styles: Float[Tensor, "B K V"], noise: Noise = "const") -> Float[Tensor, "B C H W"]:
        """`styles` as many as `config.styles`; each block's last is the next one's first."""
        x = image = None
        first = 0
        for block in self.blocks:
            count = 2 if x is None else 3
            x, image = block(x, image, styles[:, first : first + count], noise)
            first += count - 1
        assert image is not None
        return image


def unit_moment(x: Float[Tensor, "B N"]) -> Float[Tensor, "B N"]:
    """Scaled so that the mean of squares is 1."""
    return x * (x.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def leaky(x: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
    """Leaky ReLU that keeps the variance."""
    return functional.leaky_relu(x, LEAK) * math.sqrt(2)


def clamped(x: Float[Tensor, "*B"], most: float | None) -> Float[Tensor, "*B"]:
    """Within [-most, most], if there is a most."""
    return x if most is None else x.clamp(-most, most)


def smooth(x: Float[Tensor, "B C H W"], gain: float, pad: tuple[int, int]) -> Float[Tensor, "B C G U"]:
    """Convolved with [1 3 3 1] along both axes, after zeros before and after."""
    taps = x.new_tensor([1, 3, 3, 1]) / 8 * math.sqrt(gain)
    channels = x.shape[1]
    x = functional.pad(x, (*pad, *pad))
    x = functional.conv2d(x, taps.view(1, 1, 1, 4).expand(channels, -1, -1, -1), groups=channels)
    return functional.conv2d(x, taps.view(1, 1, 4, 1).expand(channels, -1, -1, -1), groups=channels)


def enlarge(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C G U"]:
    """Twice the side, smoothly."""
    batch, channels, height, width = x.shape
    spread = x.new_zeros(batch, channels, height, 2, width, 2)
    spread[:, :, :, 0, :, 0] = x
    return smooth(spread.reshape(batch, channels, 2 * height, 2 * width), gain=4.0, pad=(2, 1))
