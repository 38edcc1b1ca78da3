# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portrait says of the whole head: principal components of people, read off the picture.

Which hair and which clothes somebody wears is one of few things, and it decides what the back looks like. A
convolutional network that learns nothing but this sees ten times as many portraits in an hour as a diffusion network
does on the side.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import Down, Residual, norm

FOLD = 2
"""Pixels are folded two by two into channels before the first convolution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortraitReaderConfig:
    """Sizes of the reader."""

    image_size: int = 128
    """Of the portrait, and of the portrait on the frontal plane."""
    widths: tuple[int, int, int] = (56, 112, 176)
    """Channels at a quarter, an eighth and a sixteenth of the picture's side."""
    depth: int = 2
    """Residual blocks at each."""
    squeezed: int = 24
    """Channels that remain of the coarsest before places are joined."""
    hidden: int = 384
    components: int = 128

    @classmethod
    def tiny(cls) -> "PortraitReaderConfig":
        """For tests."""
        return cls(image_size=32, widths=(8, 16, 16), depth=1, squeezed=4, hidden=32, components=4)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "PortraitReaderConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**{**stored, "widths": tuple(stored["widths"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


class PortraitReader(nn.Module):
    """Portrait, the same laid onto the frontal plane, and where it was taken from -> principal components."""

    def __init__(self, config: PortraitReaderConfig) -> None:
        super().__init__()
        self.config = config
        first, middle, last = config.widths
        side = config.image_size // 16
        self.stem = nn.Conv2d(8 * FOLD**2, first, 3, stride=2, padding=1)

        def blocks(channels: int) -> list[nn.Module]:
            return [Residual(channels) for _ in range(config.depth)]

        self.body = nn.Sequential(
            *blocks(first), Down(first, middle), *blocks(middle), Down(middle, last), *blocks(last), norm(last),
            nn.SiLU(), nn.Conv2d(last, config.squeezed, 1),
        )  # fmt: skip
        self.join = nn.Linear(config.squeezed * side * side + 2, config.hidden)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(config.hidden, config.hidden), nn.SiLU())
        self.out = nn.Linear(config.hidden, config.components)

    def features(
        self, portrait: Float[Tensor, "B 4 H W"], laid: Float[Tensor, "B 4 R R"], angles: Float[Tensor, "B 2"]
    ) -> Float[Tensor, "B F"]:
        """What the components are linear in."""
        size = self.config.image_size
        both = torch.cat([_sized(portrait, size), _sized(laid, size)], 1)
        folded = functional.pixel_unshuffle(both, FOLD).contiguous(memory_format=torch.channels_last)
        seen = self.body(self.stem(folded)).flatten(1)
        return self.mix(self.join(torch.cat([seen, angles.to(seen)], 1)))

    def forward(
        self, portrait: Float[Tensor, "B 4 H W"], laid: Float[Tensor, "B 4 R R"], angles: Float[Tensor, "B 2"]
    ) -> Float[Tensor, "B K"]:
        """Components in their deviations. Pictures lie in [-1, 1] with their matte as the fourth channel; angles are
        azimuth and elevation, radians."""
        return self.out(self.features(portrait, laid, angles))


def _sized(picture: Tensor, size: int) -> Tensor:
    return picture if picture.shape[-1] == size else functional.adaptive_avg_pool2d(picture, size)
