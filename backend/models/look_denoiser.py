# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of heads from noise, given a sentence, and as far as they are known: the head's shape, how it is dressed
now, and which parts of that may change. With the sentence alone it is a text-to-image model.

A convolutional U-Net that works at any side; pixels are folded into channels, so its finest convolutions run at half
the side. It was taught at one scale whole heads and at finer scales parts of them: the scale is told.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import timestep_features
from .look_text import LookText, LookTextConfig
from .plane_decoder import fold, unfold

GUIDES = 8
"""Channels of the guide: normal (3), facing, depth, shown, generate, keep."""
NUMBERS = 4
"""Of a picture: doubt, whether the shape and whether the present picture are told, scale."""
KEPT, PRESENT, GENERATED = 0.05, 0.45, 0.75
"""Deviation of true pixels (in [-1, 1]) around the present picture where it is kept and elsewhere, and around `UNTOLD`
or grey where there is none."""
UNTOLD = 0.25
"""Mean of pictures of heads over white."""
SCALE_UNIT = 32.0
"""Pixels per box unit whose scale is 0; each doubling adds 1."""
IMAGINED_SIDE, IMAGINED_SCALE = 32, -1.0
"""Of pictures of which nothing but a sentence is known: a bust as `geometry.cameras.orbit` frames it. The side is
small, so that a small network sees all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookDenoiserConfig:
    """Sizes of the network."""

    text: LookTextConfig
    fold: int = 2
    widths: tuple[int, int, int] = (64, 128, 256)
    """Channels at the folded side, its half and its quarter."""
    blocks: tuple[int, int, int] = (1, 1, 3)
    """Residual blocks of each on the way down; all but the last have as many on the way up and one more."""
    embedding: int = 256

    @classmethod
    def tiny(cls) -> "LookDenoiserConfig":
        """For tests."""
        return cls(text=LookTextConfig.tiny(), widths=(8, 8, 16), blocks=(1, 1, 1), embedding=16)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "LookDenoiserConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**{**stored, "text": LookTextConfig.from_json(stored["text"]),
                      "widths": tuple(stored["widths"]), "blocks": tuple(stored["blocks"])})  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {**asdict(self), "text": self.text.to_json()}

    @property
    def least(self) -> int:
        """Sides of pictures must be multiples of this."""
        return 4 * self.fold


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of pictures beside their sentence; all 0 where nothing is."""

    picture: Float[Tensor, "B 3 H W"]
    """As the head is dressed now, in [-1, 1] over white; 0 where `generate` is 1 and where it is not told."""
    guide: Float[Tensor, "B 8 H W"]
    """Unit normal in the world's frame, cosine to the camera, depth beyond the middle of the head (box units), then
    shown, generate and keep in [0, 1]."""
    numbers: Float[Tensor, "B 4"]
    """Doubt of the picture in [0, 1], 1 where the shape is told, 1 where the picture is told, scale (`scale_of`)."""

    @classmethod
    def nothing(cls, count: int, side: int, scale: float = 0.0) -> "Known":
        """Nothing but the scale."""
        numbers = torch.zeros(count, NUMBERS)
        numbers[:, 3] = scale
        return cls(torch.zeros(count, 3, side, side), torch.zeros(count, GUIDES, side, side), numbers)

    def to(self, device: torch.device) -> "Known":
        """The same on a device."""
        return Known(self.picture.to(device), self.guide.to(device), self.numbers.to(device))


def scale_of(pixels_per_unit: float) -> float:
    """The scale of a picture that shows a box unit by so many pixels."""
    return float(torch.log2(torch.tensor(pixels_per_unit / SCALE_UNIT)))


class LookDenoiser(nn.Module):
    """x0 from sqrt(1 - sigma²) x0 + sigma noise: pictures in [-1, 1]."""

    def __init__(self, config: LookDenoiserConfig) -> None:
        super().__init__()
        self.config = config
        squares, embedding = config.fold**2, config.embedding
        fine, middle, coarse = config.widths
        self.text = LookText(config.text)
        self.time = nn.Sequential(nn.Linear(64, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.enter_numbers = nn.Sequential(nn.Linear(NUMBERS, embedding), nn.SiLU(), nn.Linear(embedding, embedding))
        self.enter_text = nn.Linear(config.text.embedding, embedding)
        self.stem = nn.Conv2d((6 + GUIDES) * squares, fine, 3, padding=1)

        def several(count: int, width: int) -> nn.ModuleList:
            return nn.ModuleList(_Block(width, embedding) for _ in range(count))

        self.fine_in, self.to_middle = several(config.blocks[0], fine), nn.Conv2d(fine, middle, 2, stride=2)
        self.middle_in, self.to_coarse = several(config.blocks[1], middle), nn.Conv2d(middle, coarse, 2, stride=2)
        self.coarse = several(config.blocks[2], coarse)
        self.from_coarse, self.join_middle = nn.Conv2d(coarse, 4 * middle, 1), nn.Conv2d(2 * middle, middle, 1)
        self.middle_out = several(config.blocks[1] + 1, middle)
        self.from_middle, self.join_fine = nn.Conv2d(middle, 4 * fine, 1), nn.Conv2d(2 * fine, fine, 1)
        self.fine_out = several(config.blocks[0] + 1, fine)
        self.norm, self.out = _PixelNorm(fine), nn.Conv2d(fine, 3 * squares, 3, padding=1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self, noisy: Float[Tensor, "B 3 H W"], sigma: Float[Tensor, " B"], said: Float[Tensor, "B E"], known: Known
    ) -> Float[Tensor, "B 3 H W"]:
        """Clean pictures; `said` is what `text` made of the sentences."""
        mean, deviation = expected(noisy, sigma, known)
        return mean + deviation * self.correction(noisy, sigma, said, known)

    def correction(
        self, noisy: Float[Tensor, "B 3 H W"], sigma: Float[Tensor, " B"], said: Float[Tensor, "B E"], known: Known
    ) -> Float[Tensor, "B 3 H W"]:
        """How far the truth is from what is expected, in the deviations of that."""
        if noisy.shape[-1] % self.config.least or noisy.shape[-2] % self.config.least:
            raise ValueError(f"sides must be multiples of {self.config.least}, got {list(noisy.shape[-2:])}")
        moment = self.time(timestep_features(torch.asin(sigma.float().clamp(max=1)) * 2 / torch.pi, 64))
        embedding = moment + self.enter_numbers(known.numbers) + self.enter_text(said)
        image = torch.cat([noisy, known.picture, known.guide], 1)
        hidden = self.stem(fold(image, self.config.fold).contiguous(memory_format=torch.channels_last))
        fine = _through(self.fine_in, hidden, embedding)
        middle = _through(self.middle_in, self.to_middle(fine), embedding)
        coarse = _through(self.coarse, self.to_coarse(middle), embedding)
        grown = functional.pixel_shuffle(self.from_coarse(coarse), 2)
        middle = _through(self.middle_out, self.join_middle(torch.cat([grown, middle], 1)), embedding)
        grown = functional.pixel_shuffle(self.from_middle(middle), 2)
        fine = _through(self.fine_out, self.join_fine(torch.cat([grown, fine], 1)), embedding)
        return unfold(self.out(functional.silu(self.norm(fine))), self.config.fold).float()


def guide_of(
    normal: Float[Tensor, "B 3 H W"], depth: Float[Tensor, "B 1 H W"], shown: Float[Tensor, "B 1 H W"],
    generate: Float[Tensor, "B 1 H W"], keep: Float[Tensor, "B 1 H W"], axis: Float[Tensor, " 3"],
) -> Float[Tensor, "B 8 H W"]:  # fmt: skip
    """The network's guide from world normals, and the direction to the camera."""
    facing = (normal * axis[:, None, None]).sum(1, keepdim=True)
    around = (depth * shown).sum((2, 3), keepdim=True) / shown.sum((2, 3), keepdim=True).clamp(min=1)
    return torch.cat([normal * shown, facing * shown, (depth - around) * shown, shown, generate, keep], 1)


def towards(azimuth: float, elevation: float) -> Float[Tensor, " 3"]:
    """From the head to a camera, world frame."""
    flat = math.cos(elevation)
    return torch.tensor([math.sin(azimuth) * flat, math.sin(elevation), math.cos(azimuth) * flat])


def expected(
    noisy: Float[Tensor, "B 3 H W"], sigma: Float[Tensor, " B"], known: Known
) -> tuple[Float[Tensor, "B 3 H W"], Float[Tensor, "B 3 H W"]]:
    """What x0 is taken to be before the network speaks, and how far it may be off.

    Mean and deviation of x0 given the noisy picture, if x0 were normal around the present picture, or around no picture
    in particular (Karras et al. 2022, eq. 7 and 8, for a mean that is not 0): so the network has only to say what is
    left, and that is of unit size at every level of noise.
    """
    told = known.numbers[:, 2, None, None, None]
    generate, keep = known.guide[:, 6:7] * told, known.guide[:, 7:8] * told
    rest = (1 - generate - keep).clamp(min=0)
    before = (GENERATED * generate + KEPT * keep + (PRESENT * told + GENERATED * (1 - told)) * rest).square()
    mean = known.picture + UNTOLD * (1 - told)
    noise = sigma.float().square()[:, None, None, None].clamp(min=1e-6)
    signal = (1 - noise).clamp(min=0)
    total = noise + before * signal
    posterior = (mean * noise + before * signal.sqrt() * noisy) / total
    return posterior, (before * noise / total).sqrt().expand_as(noisy)


def noise_of(
    noisy: Float[Tensor, "B 3 H W"], sigma: Float[Tensor, " B"], x0: Float[Tensor, "B 3 H W"]
) -> Float[Tensor, "B 3 H W"]:
    """The noise that is left when a clean picture is taken out."""
    level = sigma.float()[:, None, None, None].clamp(min=1e-3)
    return (noisy - (1 - level.square()).clamp(min=0).sqrt() * x0) / level


class _PixelNorm(nn.Module):
    """Normalises the channels of each place by themselves: what a network learned on parts of views holds on whole
    ones, however much of them is background."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, image: Tensor) -> Tensor:
        last = image.permute(0, 2, 3, 1)
        return functional.layer_norm(last, (last.shape[3],), self.weight, self.bias, 1e-5).permute(0, 3, 1, 2)


class _Block(nn.Module):
    """Two convolutions beside the picture; the second norm is modulated (AdaGN, Dhariwal and Nichol 2021)."""

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _PixelNorm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.modulate = nn.Linear(embedding, 2 * channels)
        self.norm2, self.conv2 = _PixelNorm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        for parameter in self.conv2.parameters():
            nn.init.zeros_(parameter)

    def forward(self, image: Tensor, embedding: Tensor) -> Tensor:
        hidden = self.norm2(self.conv1(functional.silu(self.norm1(image))))
        scale, shift = self.modulate(functional.silu(embedding))[:, :, None, None].chunk(2, 1)
        return image + self.conv2(functional.silu(hidden * (1 + scale) + shift))


def _through(blocks: nn.ModuleList, hidden: Tensor, embedding: Tensor) -> Tensor:
    """One block after another."""
    for block in blocks:
        hidden = block(hidden, embedding)
    return hidden
