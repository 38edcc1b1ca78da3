# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portrait says of the whole head: principal components of people, and what it shows beyond them of the front.

Which hair and which clothes somebody wears is one of few things, and it decides what the back looks like. A
convolutional network that learns nothing but this sees six times as many portraits in an hour as a diffusion network
does on the side. The portrait laid onto the frontal plane lies pixel upon pixel on the latent of that plane.
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
    latent_channels: int = 48
    latent_size: int = 16

    @classmethod
    def tiny(cls) -> "PortraitReaderConfig":
        """For tests."""
        return cls(image_size=32, widths=(8, 16, 16), depth=1, squeezed=4, hidden=32, components=4,
                   latent_channels=16, latent_size=8)  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "PortraitReaderConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**{**stored, "widths": tuple(stored["widths"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


class PortraitReader(nn.Module):
    """Portrait, the same laid onto the frontal plane, and where it was taken from -> principal components and the rest
    of the frontal plane's latent."""

    def __init__(self, config: PortraitReaderConfig) -> None:
        super().__init__()
        self.config = config
        first, middle, last = config.widths
        side = config.image_size // 16
        self.stem = nn.Conv2d(8 * FOLD**2, first, 3, stride=2, padding=1)

        def blocks(channels: int) -> list[nn.Module]:
            return [Residual(channels) for _ in range(config.depth)]

        self.fine = nn.Sequential(*blocks(first), Down(first, middle), *blocks(middle))
        self.coarse = nn.Sequential(
            Down(middle, last), *blocks(last), norm(last), nn.SiLU(), nn.Conv2d(last, config.squeezed, 1)
        )
        self.join = nn.Linear(config.squeezed * side * side + 2, config.hidden)
        self.mix = nn.Sequential(nn.SiLU(), nn.Linear(config.hidden, config.hidden), nn.SiLU())
        self.out = nn.Linear(config.hidden, config.components)
        self.tell = nn.Linear(config.hidden, middle)
        self.front = nn.Sequential(
            nn.Conv2d(middle, middle, 3, padding=1), norm(middle), nn.SiLU(),
            nn.Conv2d(middle, config.latent_channels, 3, padding=1),
        )  # fmt: skip
        for parameter in self.front[-1].parameters():
            nn.init.zeros_(parameter)

    def look(
        self, portrait: Float[Tensor, "B 4 H W"], laid: Float[Tensor, "B 4 R R"], angles: Float[Tensor, "B 2"]
    ) -> tuple[Float[Tensor, "B F"], Float[Tensor, "B C h w"]]:
        """Features of the whole, which the components are linear in, and of places."""
        size = self.config.image_size
        both = torch.cat([_sized(portrait, size), _sized(laid, size)], 1)
        folded = functional.pixel_unshuffle(both, FOLD).contiguous(memory_format=torch.channels_last)
        fine = self.fine(self.stem(folded))
        seen = self.coarse(fine).flatten(1)
        return self.mix(self.join(torch.cat([seen, angles.to(seen)], 1))), fine

    def read(
        self, features: Float[Tensor, "B F"], fine: Float[Tensor, "B C k l"]
    ) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B L h w"]]:
        """Components and frontal latent from what `look` saw."""
        front = self.front(functional.silu(fine + self.tell(features)[:, :, None, None]))
        return self.out(features), _sized(front, self.config.latent_size)

    def forward(
        self, portrait: Float[Tensor, "B 4 H W"], laid: Float[Tensor, "B 4 R R"], angles: Float[Tensor, "B 2"]
    ) -> tuple[Float[Tensor, "B K"], Float[Tensor, "B L h w"]]:
        """Components in their deviations, and what is to be added to the latent of the plane xy that they stand for.

        Pictures lie in [-1, 1] with their matte as the fourth channel; angles are azimuth and elevation, radians.
        """
        return self.read(*self.look(portrait, laid, angles))


def _sized(picture: Tensor, size: int) -> Tensor:
    return picture if picture.shape[-1] == size else functional.adaptive_avg_pool2d(picture, size)
