# SPDX-License-Identifier: GPL-3.0-or-later
"""Sharp views of heads from noisy ones, given how the head is dressed now, its shape, and who the person is.

Pixels are folded into channels, so the finest convolutions already work at a quarter of the side; two coarser levels
see the whole face. There is nothing in it that depends on a view's side. The network corrects the present picture,
little where it is right, much where nothing is known.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import timestep_features
from .plane_decoder import fold, unfold

GUIDES = 7
"""Channels of the guide: normal (3), depth, shown, generate, keep."""
VIEW_NUMBERS = 5
"""Of a view: doubt, sine and cosine of its azimuth, sine of its elevation, whether depth is told."""
GRAIN = 0.03
"""Deviation (in [-1, 1]) of what is finest in a view."""
KEPT, UPDATED, GENERATED = 0.02, 0.2, 0.7
"""Deviation of true pixels (in [-1, 1]) around the present picture: kept, updated, and around grey where there is
nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDenoiserConfig:
    """Sizes of the network."""

    fold: int = 4
    widths: tuple[int, int, int] = (96, 128, 256)
    """Channels at the folded side, its half and its quarter."""
    blocks: tuple[int, int, int] = (1, 1, 3)
    """Residual blocks of each on the way down; all but the last have one more on the way up."""
    embedding: int = 256
    z_size: int = 256
    """Numbers of the vector that says who the person is."""

    @classmethod
    def tiny(cls) -> "ViewDenoiserConfig":
        """For tests."""
        return cls(widths=(16, 16, 16), blocks=(1, 1, 1), embedding=16, z_size=32)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "ViewDenoiserConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**{**stored, "widths": tuple(stored["widths"]), "blocks": tuple(stored["blocks"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @property
    def least(self) -> int:
        """Sides of views must be multiples of this."""
        return 4 * self.fold


@dataclass(frozen=True, slots=True)
class SeenView:
    """What is known of views."""

    picture: Float[Tensor, "B 3 H W"]
    """As the head is dressed now, in [-1, 1]; 0 where `generate` is 1."""
    guide: Float[Tensor, "B 7 H W"]
    """Unit normal in the camera's frame (x right, y up, z towards it), depth beyond the middle of the head (box units;
    0 where unknown), then shown, generate and keep in [0, 1]."""
    numbers: Float[Tensor, "B 5"]
    """Doubt of the picture in [0, 1], sine and cosine of the azimuth, sine of the elevation, 1 where depth is told."""
    z: Float[Tensor, "B Z"]
    """Of a portrait or a sentence (`embedding.JointEmbedding`); 0 where neither is known."""

    def spread(self) -> Float[Tensor, "B 1 H W"]:
        """Deviation of true pixels around the present picture."""
        generate, keep = self.guide[:, 5:6], self.guide[:, 6:7]
        rest = (1 - generate - keep).clamp(min=0)
        return (GENERATED * generate + KEPT * keep + UPDATED * rest) / (generate + keep + rest)

    def without_z(self) -> "SeenView":
        """The same views of nobody in particular."""
        return SeenView(self.picture, self.guide, self.numbers, torch.zeros_like(self.z))


class ViewDenoiser(nn.Module):
    """x0 from sqrt(1 - sigma²) x0 + sigma noise: views in [-1, 1], any side that is a multiple of `config.least`."""

    def __init__(self, config: ViewDenoiserConfig) -> None:
        super().__init__()
        self.config = config
        squares, embedding = config.fold**2, config.embedding
        fine, middle, coarse = config.widths
        self.time = nn.Sequential(nn.Linear(64, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.enter_numbers = nn.Linear(VIEW_NUMBERS, embedding)
        self.enter_z = nn.Linear(config.z_size, embedding)
        self.stem = nn.Conv2d((6 + GUIDES) * squares, fine, 1)

        def several(count: int, width: int) -> nn.ModuleList:
            return nn.ModuleList(Block(width, embedding) for _ in range(count))

        self.fine_in, self.to_middle = several(config.blocks[0], fine), nn.Conv2d(fine, middle, 2, stride=2)
        self.middle_in, self.to_coarse = several(config.blocks[1], middle), nn.Conv2d(middle, coarse, 2, stride=2)
        self.coarse = several(config.blocks[2], coarse)
        self.from_coarse, self.join_middle = nn.Conv2d(coarse, 4 * middle, 1), nn.Conv2d(2 * middle, middle, 1)
        self.middle_out = several(config.blocks[1] + 1, middle)
        self.from_middle, self.join_fine = nn.Conv2d(middle, 4 * fine, 1), nn.Conv2d(2 * fine, fine, 1)
        self.fine_out = several(config.blocks[0] + 1, fine)
        self.norm, self.out = PixelNorm(fine), nn.Conv2d(fine, 3 * squares, 3, padding=1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, noisy: Float[Tensor, "B 3 H W"], sigma: Float[Tensor, " B"], seen: SeenView
    ) -> Float[Tensor, "B 3 H W"]:
        """Clean views."""
        mean, deviation = expected(noisy, sigma, seen)
        return mean + deviation * self.correction(noisy, sigma, seen).float()

    def correction(
        self, noisy: Float[Tensor, "B 3 H W"], sigma: Float[Tensor, " B"], seen: SeenView
    ) -> Float[Tensor, "B 3 H W"]:
        """How far the truth is from what is expected, in the deviations of that."""
        if noisy.shape[-1] % self.config.least or noisy.shape[-2] % self.config.least:
            raise ValueError(f"sides of views must be multiples of {self.config.least}, got {list(noisy.shape[-2:])}")
        moment = self.time(timestep_features(torch.asin(sigma.float().clamp(max=1)) * 2 / torch.pi, 64))
        embedding = moment + self.enter_numbers(seen.numbers) + self.enter_z(seen.z)
        image = torch.cat([noisy, seen.picture, seen.guide], 1)
        hidden = self.stem(fold(image, self.config.fold).contiguous(memory_format=torch.channels_last))
        fine = through(self.fine_in, hidden, embedding)
        middle = through(self.middle_in, self.to_middle(fine), embedding)
        coarse = through(self.coarse, self.to_coarse(middle), embedding)
        grown = functional.pixel_shuffle(self.from_coarse(coarse), 2)
        middle = through(self.middle_out, self.join_middle(torch.cat([grown, middle], 1)), embedding)
        grown = functional.pixel_shuffle(self.from_middle(middle), 2)
        fine = through(self.fine_out, self.join_fine(torch.cat([grown, fine], 1)), embedding)
        return unfold(self.out(functional.silu(self.norm(fine))), self.config.fold)


def expected(
    noisy: Float[Tensor, "B 3 H W"], sigma: Float[Tensor, " B"], seen: SeenView
) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 1 H W"]]:
    """What x0 is taken to be before the network speaks, and how far it may be off.

    That is the present picture, and under noise that is finer than the grain of skin and hair more and more the noisy
    one (Karras et al. 2022, eq. 7, with that grain as the data's deviation). Stronger noise is kept out: it would have
    to be taken away again.
    """
    noise = sigma.float().square()[:, None, None, None]
    signal = (1 - noise).clamp(min=1e-4)
    share = GRAIN**2 * signal / (GRAIN**2 * signal + noise)
    mean = torch.lerp(seen.picture, noisy / signal.sqrt(), share)
    return mean, seen.spread() * (1 - share).clamp(min=1e-6).sqrt()


def view_numbers(
    doubt: Float[Tensor, " B"], angles: Float[Tensor, "B 2"], depth_told: Float[Tensor, " B"]
) -> Float[Tensor, "B 5"]:
    """As `SeenView.numbers` has them, from azimuth and elevation."""
    azimuth, elevation = angles.unbind(1)
    return torch.stack([doubt, azimuth.sin(), azimuth.cos(), elevation.sin(), depth_told], 1)


class PixelNorm(nn.Module):
    """Normalises the channels of each place by themselves: what a network learned on parts of views holds on whole
    ones, however much of them is background."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, image: Tensor) -> Tensor:
        last = image.permute(0, 2, 3, 1)
        return functional.layer_norm(last, (last.shape[3],), self.weight, self.bias, 1e-5).permute(0, 3, 1, 2)


class Block(nn.Module):
    """Two convolutions beside the picture; the second norm is modulated (AdaGN, Dhariwal and Nichol 2021)."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = PixelNorm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.modulate = nn.Linear(embedding, 2 * channels)
        self.norm2, self.conv2 = PixelNorm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.norm2(self.conv1(functional.silu(self.norm1(image))))
        scale, shift = self.modulate(functional.silu(embedding))[:, :, None, None].chunk(2, 1)
        return image + self.conv2(functional.silu(hidden * (1 + scale) + shift))


def through(blocks: nn.ModuleList, hidden: Tensor, embedding: Tensor) -> Tensor:
    """One block after another."""
    for block in blocks:
        hidden = block(hidden, embedding)
    return hidden
