# SPDX-License-Identifier: GPL-3.0-or-later
"""Building blocks on rolled-out planes [B, C, R, 3R] (xy, xz, yz side by side)."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

GROUPS = 8


def channels_last(network: nn.Module) -> None:
    """Lay out convolution weights by pixel: the fastest order on CPUs and tensor cores."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def norm(channels: int) -> nn.GroupNorm:
    """Group normalisation over the whole roll-out."""
    return nn.GroupNorm(GROUPS, channels)


def timestep_features(noise: Float[Tensor, " B"], size: int) -> Float[Tensor, "B E"]:
    """Sinusoidal features of a number in [0, 1]."""
    frequency = torch.exp(-math.log(1000) * torch.arange(size // 2, device=noise.device) / (size // 2))
    angle = 1000 * noise[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], -1)


class PlaneConv(nn.Module):
    """3D-aware convolution (Rodin, section 3.2): a plane also sees the other two, averaged along the shared axis.

    Averages are constant along one direction of the plane they are broadcast to, so convolving the broadcast image
    equals a one-dimensional convolution that is broadcast afterwards (but for the zero border). That makes the
    layer as cheap as a plain one. Kernels are separate for each plane.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.own = nn.ModuleList(nn.Conv2d(channels, out_channels, 3, padding=1) for _ in range(3))

        def lines() -> nn.ModuleList:
            return nn.ModuleList(nn.Conv1d(channels, out_channels, 3, padding=1, bias=False) for _ in range(3))

        self.along_columns, self.along_rows = lines(), lines()

    def forward(self, image: Float[Tensor, "B C R W"]) -> Float[Tensor, "B K R W"]:
        xy, xz, yz = image.chunk(3, -1)  # storage [y, x], [z, x], [z, y]
        over_x = xy.mean(2), xz.mean(2)  # functions of x
        over_y = xy.mean(3), yz.mean(2)  # functions of y
        over_z = xz.mean(3), yz.mean(3)  # functions of z
        columns = (over_x[1], over_x[0], over_y[0])
        rows = (over_y[1], over_z[1], over_z[0])
        planes = [
            own(plane) + along_columns(column)[:, :, None, :] + along_rows(row)[:, :, :, None]
            for plane, own, column, along_columns, row, along_rows in zip(
                (xy, xz, yz), self.own, columns, self.along_columns, rows, self.along_rows, strict=True
            )
        ]
        return torch.cat(planes, -1)

    def zero(self) -> "PlaneConv":
        """Start as no change: the usual beginning of a residual branch."""
        for module in (*self.own, *self.along_columns, *self.along_rows):
            for parameter in module.parameters():
                nn.init.zeros_(parameter)
        return self


class ResBlock(nn.Module):
    """Residual block; its second convolution is 3D-aware, its second norm modulated (AdaGN) if `embedding` > 0."""

    def __init__(self, channels: int, out_channels: int, embedding: int = 0) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, out_channels, 3, padding=1)
        self.modulate = nn.Linear(embedding, 2 * out_channels) if embedding else None
        self.norm2, self.conv2 = norm(out_channels), PlaneConv(out_channels, out_channels).zero()
        self.skip = nn.Conv2d(channels, out_channels, 1) if channels != out_channels else nn.Identity()

    def forward(
        self, image: Float[Tensor, "B C R W"], embedding: Float[Tensor, "B E"] | None = None
    ) -> Float[Tensor, "B K R W"]:
        hidden = self.norm2(self.conv1(functional.silu(self.norm1(image))))
        if self.modulate is not None and embedding is not None:
            scale, shift = self.modulate(functional.silu(embedding))[:, :, None, None].chunk(2, 1)
            hidden = hidden * (1 + scale) + shift
        return self.skip(image) + self.conv2(functional.silu(hidden))


class Down(nn.Module):
    """Normalised picture to half its side."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm, self.conv = norm(channels), nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B K h w"]:
        return self.conv(functional.silu(self.norm(image)))


class Residual(nn.Module):
    """Two convolutions beside the picture itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2, self.conv2 = norm(channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, image: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
        hidden = self.conv1(functional.silu(self.norm1(image)))
        return image + self.conv2(functional.silu(self.norm2(hidden)))
