# SPDX-License-Identifier: GPL-3.0-or-later
"""Summed plane features to signed distance and albedo: one small network for all people."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry import TRUNCATION


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Sizes of the field decoder."""

    channels: int = 16
    """Channels of a plane."""
    hidden: int = 64
    """Width of its two hidden layers."""


class FieldDecoder(nn.Module):
    """Two hidden layers; the first is linear in the features, so lattices can be asked plane by plane."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.first = nn.Linear(config.channels, config.hidden)
        self.second = nn.Linear(config.hidden, config.hidden)
        self.out = nn.Linear(config.hidden, 4)

    def forward(self, features: Float[Tensor, "*B C"]) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B 3"]]:
        """Distance and colour at once."""
        return self._split(self.out(self._hidden(self.first(features))))

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
    def _split(out: Float[Tensor, "*B 4"]) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B 3"]]:
        # As EG3D: a little beyond [0, 1], so that black and white are reached.
        return out[..., 0] * TRUNCATION, torch.sigmoid(out[..., 1:]) * 1.02 - 0.01
