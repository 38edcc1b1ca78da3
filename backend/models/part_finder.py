# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of a head each pixel of a small picture shows: a tiny U-Net."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFinderConfig:
    """Sizes."""

    parts: int = 11
    """Answers of each pixel: nothing, then those of `studio.sittings.PARTS`."""
    side: int = 128
    """Of the pictures that it looks at."""
    widths: tuple[int, int, int, int] = (16, 32, 64, 96)
    """Channels at the full side and after each halving."""

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "PartFinderConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**{**stored, "widths": tuple(stored["widths"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


class PartFinder(nn.Module):
    """Pictures over white in [0, 1] to what each pixel shows."""

    def __init__(self, config: PartFinderConfig) -> None:
        super().__init__()
        self.config = config
        first, *rest = config.widths
        self.stem = _convolution(3, first)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        before = first
        for width in rest:
            self.down.append(nn.Sequential(_convolution(before, width, stride=2), _convolution(width, width)))
            self.up.insert(0, _convolution(width + before, before))
            before = width
        self.answer = nn.Conv2d(first, config.parts, 1)

    def forward(self, pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B K S S"]:
        """Logits."""
        seen = [self.stem(2 * pictures - 1)]
        for layer in self.down:
            seen.append(layer(seen[-1]))
        hidden = seen.pop()
        for layer in self.up:
            beside = seen.pop()
            grown = functional.interpolate(hidden, beside.shape[-2:], mode="bilinear", align_corners=False)
            hidden = layer(torch.cat([grown, beside], 1))
        return self.answer(hidden).float()


def _convolution(before: int, width: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, width, 3, stride=stride, padding=1), nn.GroupNorm(4, width), nn.SiLU())
