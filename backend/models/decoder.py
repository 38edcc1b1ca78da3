# SPDX-License-Identifier: GPL-3.0-or-later
"""Summed plane features to signed distance, albedo and softness of the surface: one small network for all people."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry import TRUNCATION
from ..geometry.fields import PointValues
from ..geometry.sdf import spatial_beta


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Sizes of the field decoder."""

    channels: int = 16
    """Channels of a plane."""
    hidden: int = 64
    """Width of its two hidden layers."""
    beta: bool = False
    """Whether it says at each point how soft the surface is; otherwise it is `softness` everywhere."""
    softness: float = 0.005
    """Width of the surface without a beta output, box units."""


class FieldDecoder(nn.Module):
    """Two hidden layers; the first is linear in the features, so lattices can be asked plane by plane."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Linear(config.channels, config.hidden)
        self.second = nn.Linear(config.hidden, config.hidden)
        self.out = nn.Linear(config.hidden, 5 if config.beta else 4)
        if config.beta:
            with torch.no_grad():  # the published start: beta is 0.01 everywhere
                self.out.weight[4:].zero_()
                self.out.bias[4:].zero_()

    def layers(self) -> tuple[nn.Linear, nn.Linear, nn.Linear]:
        """All there is, ReLU between them: `geometry.lookup` compiles it."""
        return self.first, self.second, self.out

    def read(self, out: Float[Tensor, "*B O"]) -> PointValues:
        """Distance, colour and softness from the last layer's outputs."""
        sdf, rgb = self._split(out)
        beta = spatial_beta(out[..., 4]) if self.config.beta else torch.full_like(sdf, self.config.softness)
        return PointValues(sdf, rgb, beta)

    def forward(self, features: Float[Tensor, "*B C"]) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B 3"]]:
        """Distance and colour at once."""
        return self._split(self.out(self._hidden(self.first(features))))

    def values(self, features: Float[Tensor, "N C"]) -> PointValues:
        """Distance, colour and softness at once; colours as `forward` gives them."""
        return self.read(self.out(self._hidden(self.first(features))))

    def sdf(self, features: Float[Tensor, "*B C"]) -> Float[Tensor, "*B"]:
        """Signed distance, trained truncated at `geometry.TRUNCATION`."""
        return self.sdf_from_first(self.first(features))

    def rgb(self, features: Float[Tensor, "*B C"]) -> Float[Tensor, "*B 3"]:
        """sRGB albedo in [0, 1]."""
        return self(features)[1].clamp(0, 1)

    def sdf_from_first(self, hidden: Float[Tensor, "*B K"]) -> Float[Tensor, "*B"]:
        """Signed distance from the first layer's output."""
        return functional.linear(self._hidden(hidden), self.out.weight[:1], self.out.bias[:1])[..., 0] * TRUNCATION

    def _hidden(self, first: Float[Tensor, "*B K"]) -> Float[Tensor, "*B K"]:
        return functional.relu(self.second(functional.relu(first)))

    @staticmethod
    def _split(out: Float[Tensor, "*B O"]) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B 3"]]:
        # As EG3D: a little beyond [0, 1], so that black and white are reached.
        return out[..., 0] * TRUNCATION, torch.sigmoid(out[..., 1:4]) * 1.02 - 0.01


def with_beta(decoder: FieldDecoder) -> FieldDecoder:
    """A copy that also says how soft the surface is, 0.01 everywhere at first; the rest answers as before."""
    copy = FieldDecoder(replace(decoder.config, beta=True))
    copy.first.load_state_dict(decoder.first.state_dict())
    copy.second.load_state_dict(decoder.second.state_dict())
    with torch.no_grad():
        copy.out.weight[:4].copy_(decoder.out.weight[:4])
        copy.out.bias[:4].copy_(decoder.out.bias[:4])
    return copy.to(decoder.out.weight.device)
