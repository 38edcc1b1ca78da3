# SPDX-License-Identifier: GPL-3.0-or-later
"""Axis views of 64² to 256²: the second diffusion of the cascade (Rodin, section 3.3; RodinHD, section 3.3).

It predicts clean views directly from noisy ones, given the small views and the portrait laid onto the frontal plane,
which knows more of the face than the base model could. Most work is done on views folded into a quarter of their side,
with a 3D-aware convolution in every block.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import PlaneConv, ResBlock, norm, timestep_features
from .plane_codec import VIEW_CHANNELS
from .plane_decoder import fold, unfold

DETAIL = 0.8
"""Share of the portrait's fine detail that is laid onto the frontal view before the network changes anything:
photographs have more contrast than albedo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsamplerConfig:
    """Sizes of the upsampler."""

    view_size: int = 256
    fold: int = 4
    """Small views are so many times smaller, and the work is done at their side."""
    width: int = 96
    blocks: int = 4
    embedding: int = 128

    @property
    def low_size(self) -> int:
        """Side of the small views."""
        return self.view_size // self.fold

    @classmethod
    def tiny(cls) -> "UpsamplerConfig":
        """For tests: from the tiny codec's views to the tiny plane decoder's."""
        return cls(view_size=64, fold=2, width=8, blocks=1, embedding=16)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


class ViewUpsampler(nn.Module):
    """x0 from sqrt(1 - sigma²) x0 + sigma noise: rolled-out views in [-1, 1]."""

    def __init__(self, config: UpsamplerConfig) -> None:
        super().__init__()
        self.config = config
        width, squares = config.width, config.fold**2
        self.time = nn.Sequential(
            nn.Linear(64, config.embedding), nn.SiLU(), nn.Linear(config.embedding, config.embedding)
        )
        self.place = nn.Parameter(0.02 * torch.randn(width, config.low_size // 2, 3 * config.low_size // 2))
        self.stem = PlaneConv(VIEW_CHANNELS * (squares + 1), width)
        self.enter_laid = nn.Conv2d(4 * squares, width, 3, padding=1)
        self.blocks = nn.ModuleList(ResBlock(width, width, config.embedding) for _ in range(config.blocks))
        self.norm = norm(width)
        self.out = nn.Conv2d(width, VIEW_CHANNELS * squares, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        if self.out.bias is not None:
            nn.init.zeros_(self.out.bias)

    def forward(
        self,
        noisy: Float[Tensor, "B K S W"],
        sigma: Float[Tensor, " B"],
        low: Float[Tensor, "B K s w"],
        laid: Float[Tensor, "B 4 S S"],
    ) -> Float[Tensor, "B K S W"]:
        """Clean views; `laid` is the portrait on the plane xy (`laying.lay_on_plane`), zeros where there is none."""
        config = self.config
        moment = self.time(timestep_features(torch.asin(sigma.float().clamp(max=1)) * 2 / torch.pi, 64))
        hidden = self.stem(torch.cat([fold(noisy, config.fold), low.to(noisy)], 1)) + enlarge(self.place[None], 2)
        seen = self.enter_laid(fold(laid, config.fold))
        hidden = hidden + functional.pad(seen, (0, 2 * config.low_size))
        for block in self.blocks:
            hidden = block(hidden, moment)
        change = unfold(self.out(functional.silu(self.norm(hidden))), config.fold).float()
        change[:, :3, :, : config.view_size] += DETAIL * detail(laid.float(), config.fold)
        return enlarge(low, config.fold) + change


def detail(laid: Float[Tensor, "B 4 S S"], fold: int) -> Float[Tensor, "B 3 S S"]:
    """What small views cannot hold of the portraits' colours, inside the person: where a feature lies is known exactly
    from where the picture was taken, so it need not be learned."""
    colour = laid[:, :3]
    small = functional.avg_pool2d(colour, fold)
    coarse = functional.interpolate(small, scale_factor=float(fold), mode="bicubic", align_corners=False)
    edge = 2 * fold + 1
    inside = -functional.max_pool2d(-laid[:, 3:].clamp(0, 1), edge, 1, edge // 2)
    return (colour - coarse) * inside


def enlarge(low: Float[Tensor, "B K s w"], factor: int) -> Float[Tensor, "B K S W"]:
    """Rolled-out views made larger, each plane by itself: no plane bleeds into its neighbour."""
    planes = [
        functional.interpolate(plane.float(), scale_factor=float(factor), mode="bicubic", align_corners=False)
        for plane in low.chunk(3, -1)
    ]
    return torch.cat(planes, -1)
