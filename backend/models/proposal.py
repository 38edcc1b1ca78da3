# SPDX-License-Identifier: GPL-3.0-or-later
"""Where along each ray of a large picture the surface may be, from the ray weights of a small one.

Trevithick et al. 2024 (WYSIWYG), section 3.2 and its supplement. The defaults are the published network; `small` is the
same one narrower, for a processor.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalConfig:
    """Sizes of the proposal network."""

    bins: int = 191
    """Equal intervals along a ray; 192 samples are their borders."""
    factor: int = 4
    """Pixels per pixel of the probe, across and down; a power of two."""
    width: int = 256
    """Channels of the hidden layers."""
    low_layers: int = 4
    """Convolutions at the size of the probe."""
    middle_layers: int = 2
    """Convolutions after each doubling but the last."""
    last_layers: int = 3
    """Hidden convolutions at full size, after the enlarged weights of the probe are added."""
    start_from_probe: bool = False
    """Whether the enlarged weights are also the first guess; the published network must learn even that."""

    @staticmethod
    def small() -> "ProposalConfig":
        """Learns within minutes on one core."""
        return ProposalConfig(width=32, low_layers=2, middle_layers=1, last_layers=1, start_from_probe=True)

    @staticmethod
    def tiny() -> "ProposalConfig":
        """For tests."""
        return ProposalConfig(
            bins=15, factor=2, width=8, low_layers=1, middle_layers=1, last_layers=1, start_from_probe=True
        )


class ProposalCNN(nn.Module):
    """Convolutions that enlarge a probe and name the bins that matter to each pixel."""

    def __init__(self, config: ProposalConfig) -> None:
        super().__init__()
        doublings = config.factor.bit_length() - 1
        if config.factor < 2 or config.factor != 1 << doublings:
            raise ValueError(f"factor must be a power of two from 2 up, got {config.factor}")
        self.config = config
        self.bins, self.factor = config.bins, config.factor
        wide = config.width
        low: list[nn.Module] = [*_layer(config.bins + 6, wide)]
        for _ in range(config.low_layers - 1):
            low += _layer(wide, wide)
        for doubling in range(doublings):
            low += [nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), *_layer(wide, wide)]
            if doubling < doublings - 1:
                for _ in range(config.middle_layers):
                    low += _layer(wide, wide)
        self.enlarge = nn.Sequential(*low, nn.Conv2d(wide, config.bins, 3, padding=1))
        last: list[nn.Module] = [*_layer(config.bins, wide)]
        for _ in range(config.last_layers - 1):
            last += _layer(wide, wide)
        self.name = nn.Sequential(*last, nn.Conv2d(wide, config.bins, 3, padding=1))

    def forward(
        self,
        weights: Float[Tensor, "B K h w"],
        image: Float[Tensor, "B 3 h w"],
        directions: Float[Tensor, "B 3 h w"],
    ) -> Float[Tensor, "B K H W"]:
        """Log-probabilities of the bins of every pixel."""
        enlarged = functional.interpolate(weights, scale_factor=self.factor, mode="bilinear", align_corners=False)
        logits = self.name(self.enlarge(torch.cat([weights, image, directions], 1)) + enlarged)
        if self.config.start_from_probe:
            logits = logits + (_neighbours(enlarged) + 1e-3).log()
        return functional.log_softmax(logits, 1)

    @torch.no_grad()
    def probabilities(
        self,
        weights: Float[Tensor, "B K h w"],
        image: Float[Tensor, "B 3 h w"],
        directions: Float[Tensor, "B 3 h w"],
    ) -> Float[Tensor, "B K H W"]:
        """How probable it is that each bin matters to each pixel; sums to one over the bins."""
        return self(weights, image, directions).exp()


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()


def _neighbours(weights: Float[Tensor, "B K H W"]) -> Float[Tensor, "B K H W"]:
    """Weights widened along the ray: the surface of a pixel between two of the probe lies between theirs."""
    rays = weights.movedim(1, -1)
    spread = functional.avg_pool1d(rays.reshape(-1, 1, rays.shape[-1]), 3, 1, 1)
    return spread.reshape(rays.shape).movedim(-1, 1)
