# SPDX-License-Identifier: GPL-3.0-or-later
"""Views along the axes <-> latent planes -> the planes of a field.

Planes that are fitted person by person carry free choices (which of three planes holds what) that no generator can
predict. Here the planes of all people are one smooth function of what is seen of them along the three axes: a linear
code of the views, plane by plane, is the latent that diffusion learns, and a light network, trained with the field
decoder, turns the views that a latent stands for into field planes.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.triplane import Triplane, roll, unroll
from .layers import PlaneConv

VIEW_CHANNELS = 10
"""Per plane: colour, coverage and depth from both ends of the axis across it."""
CHANNEL_WEIGHTS = (1.0, 1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 0.5, 3.0, 3.0)
"""How much the code cares for each: a little depth matters more than a little colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecConfig:
    """Sizes of latent and field planes."""

    view_size: int = 64
    """Side of the views and of the field planes."""
    patch: int = 4
    """Views are coded in patches of this side: a latent plane is so many times smaller."""
    latent_channels: int = 48
    plane_channels: int = 16
    width: int = 48

    @property
    def latent_size(self) -> int:
        """Side of a latent plane."""
        return self.view_size // self.patch

    @classmethod
    def tiny(cls) -> "CodecConfig":
        """For tests."""
        return cls(view_size=32, patch=4, latent_channels=16, plane_channels=8, width=8)


class ViewCodec(nn.Module):
    """Principal components of patches of views, a basis for each plane; linear and orthonormal."""

    weight: Tensor
    mean: Tensor
    basis: Tensor

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        size = VIEW_CHANNELS * config.patch**2
        weight = torch.tensor(CHANNEL_WEIGHTS)[:, None, None].expand(-1, config.patch, config.patch).reshape(-1)
        self.register_buffer("weight", weight.clone())
        self.register_buffer("mean", torch.zeros(3, size))
        self.register_buffer("basis", torch.eye(config.latent_channels, size).repeat(3, 1, 1))

    def encode(self, views: Float[Tensor, "B 3 K S S"]) -> Float[Tensor, "B L R W"]:
        """Rolled-out latent planes."""
        patches = self._patches(views) - self.mean[:, None]
        return rearrange(
            torch.einsum("bpnd,pld->bpnl", patches, self.basis), "b p (h w) l -> b l h (p w)", h=self.config.latent_size
        )

    def decode(self, latent: Float[Tensor, "B L R W"]) -> Float[Tensor, "B 3 K S S"]:
        """The views that a latent stands for."""
        codes = rearrange(latent, "b l h (p w) -> b p (h w) l", p=3)
        patches = (torch.einsum("bpnl,pld->bpnd", codes, self.basis) + self.mean[:, None]) / self.weight
        side = self.config.patch
        return rearrange(patches, "b p (h w) (k i j) -> b p k (h i) (w j)", h=self.config.latent_size, i=side, j=side)

    @torch.no_grad()
    def learn(self, views: Float[Tensor, "B 3 K S S"]) -> Float[Tensor, " 3"]:
        """Set the basis from many people's views; returns the share of variance that it keeps, per plane."""
        patches = rearrange(self._patches(views), "b p n d -> p (b n) d")
        self.mean.copy_(patches.mean(1))
        centred = patches - self.mean[:, None]
        spectrum, vectors = torch.linalg.eigh(centred.transpose(1, 2) @ centred / centred.shape[1])
        self.basis.copy_(vectors.flip(-1)[..., : self.config.latent_channels].transpose(1, 2))
        kept = spectrum.flip(-1)[:, : self.config.latent_channels].sum(-1)
        return kept / spectrum.sum(-1)

    def _patches(self, views: Tensor) -> Float[Tensor, "B 3 N D"]:
        side = self.config.patch
        return rearrange(views, "b p k (h i) (w j) -> b p (h w) (k i j)", i=side, j=side) * self.weight


class LightPlaneDecoder(nn.Module):
    """Views to field planes of the same side: the light upsampler."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        # The average person, and with it the coordinates that convolutions cannot know.
        self.mean = nn.Parameter(0.05 * torch.randn(config.plane_channels, config.view_size, 3 * config.view_size))
        self.place = nn.Parameter(0.05 * torch.randn(config.width, config.view_size, 3 * config.view_size))
        self.stem = PlaneConv(VIEW_CHANNELS, config.width)
        self.middle = nn.ModuleList(nn.Conv2d(config.width, config.width, 3, padding=1) for _ in range(2))
        self.out = PlaneConv(config.width, config.plane_channels)

    def forward(self, views: Float[Tensor, "B 3 K S S"]) -> Float[Tensor, "B C S W"]:
        """Rolled-out field planes."""
        rolled = roll(views).contiguous(memory_format=torch.channels_last)
        hidden = functional.silu(self.stem(rolled) + self.place)
        for conv in self.middle:
            hidden = hidden + functional.silu(conv(hidden))
        return self.out(hidden) + self.mean

    @staticmethod
    def as_triplane(image: Float[Tensor, "B C S W"]) -> Triplane:
        """The field planes, ready to be asked."""
        return Triplane(unroll(image.float()))


def views_to_input(rgba: Tensor, depth: Tensor, size: int) -> Float[Tensor, "B 3 K S S"]:
    """Shard arrays axis_rgba [B, 3, 2, S, S, 4] uint8 and axis_depth [B, 3, 2, S, S] as views of another size."""
    colour = rearrange(rgba.float() / 127.5 - 1, "b p e h w k -> (b p) (e k) h w")
    joined = torch.cat([colour, rearrange(depth.float(), "b p e h w -> (b p) e h w")], 1)
    # Channels: colour and coverage of one end, then of the other, then both depths.
    return functional.adaptive_avg_pool2d(joined, size).reshape(len(rgba), 3, VIEW_CHANNELS, size, size)
