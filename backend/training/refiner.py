# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning to refine views: renders of fitted people against the studio's own pictures of them, twice or four times as
large."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.cameras import Camera
from ..geometry.fields import Field
from ..geometry.occupancy import Occupancy, occupancy
from ..geometry.rendering import render
from ..models.refiner import PatchJudge, RefinerConfig, ViewRefiner
from .render_loss import Features, perceptual
from .views import ViewSet

FINER = 2
"""Renders are taken so many times larger and averaged, as the truth is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinerStageConfig:
    """How the refiner is learned."""

    batch: int = 8
    crop: int = 64
    """Side of the parts of renders that a minibatch holds; whole renders where they are smaller."""
    pixel_weight: float = 1.0
    """Of the mean absolute error."""
    perceptual_weight: float = 0.5
    """Of the features, where some are given."""
    adversarial_weight: float = 0.02
    """Of the judge's advice; 0 has none."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Renders and what they should be."""

    renders: Float[Tensor, "N 4 H W"]
    """Colour over white and coverage, in [0, 1]."""
    truth: Float[Tensor, "N 3 K L"]
    """Over white; larger by the refiner's scale."""

    @classmethod
    def join(cls, parts: "Sequence[Pairs]") -> "Pairs":
        """Those of several people."""
        return cls(torch.cat([part.renders for part in parts]), torch.cat([part.truth for part in parts]))


@torch.inference_mode()
def take(field: Field, camera: Camera, side: int, grid: Occupancy | None = None) -> Float[Tensor, "4 H W"]:
    """An antialiased square render as the refiner takes it."""
    view = render(field, camera, FINER * side, FINER * side, grid=grid, normals=False)
    joined = torch.cat([view.rgb.clamp(0, 1), view.alpha[..., None]], -1).permute(2, 0, 1)
    return functional.avg_pool2d(joined[None], FINER)[0].clone()


def render_pairs(field: Field, views: ViewSet, scale: int) -> Pairs:
    """A person's square views beside renders of the person's field that are smaller by a factor."""
    side, grid = views.rgb.shape[1] // scale, occupancy(field)
    renders = [take(field, views.cameras[index], side, grid) for index in range(len(views))]
    return Pairs(torch.stack(renders), views.rgb.permute(0, 3, 1, 2))


class Pair(nn.Module):
    """Refiner and judge as one network: one optimiser, one checkpoint."""

    def __init__(self, config: RefinerConfig) -> None:
        super().__init__()
        self.refiner, self.judge = ViewRefiner(config), PatchJudge()


class RefinerStage:
    """Learns from pairs in memory."""

    name = "refiner"

    def __init__(
        self, pairs: Pairs, network: RefinerConfig, config: RefinerStageConfig, features: Features | None = None
    ) -> None:
        self.pairs, self.config, self.features = pairs, config, features
        self.network = Pair(network)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Error of colour and features of some crops, and the judge's opinion of them."""
        renders, truth = self._draw(random)
        refined = self.network.refiner(renders)
        terms = {"pixel": self.config.pixel_weight * (refined - truth).abs().mean()}
        if self.features is not None and self.config.perceptual_weight:
            terms["perceptual"] = self.config.perceptual_weight * perceptual(self.features, refined, truth)
        if self.config.adversarial_weight:
            # One loss for both: the judge descends it, the refiner gets its gradient reversed and weighted.
            real, made = (
                self.network.judge(truth),
                self.network.judge(_Reversed.apply(refined, self.config.adversarial_weight)),
            )
            terms["judge"] = functional.softplus(-real).mean() + functional.softplus(made).mean()
        return terms

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Renders enlarged, refined, and the truth."""
        network = Pair(self.network.refiner.config)
        network.load_state_dict(average_weights)
        renders, truth = self.pairs.renders[:4], self.pairs.truth[:4]
        with torch.no_grad():
            refined = network.refiner(renders)
        plain = functional.interpolate(renders[:, :3], truth.shape[-2:], mode="bicubic", align_corners=False)
        rows = torch.cat([torch.cat(list(some), -1) for some in (plain, refined, truth)], -2)
        picture = (rows.clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.numpy()).save(path)

    def record(self) -> dict[str, Any]:
        """Configurations."""
        return {"refiner": asdict(self.network.refiner.config), "stage": asdict(self.config)}

    def _draw(self, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Matching crops, some of them mirrored."""
        config, scale = self.config, self.network.refiner.config.scale
        device = self.network.refiner.stem.weight.device
        height, width = self.pairs.renders.shape[-2:]
        side = min(config.crop, height, width)
        renders, truth = [], []
        for _ in range(config.batch):
            pick, top, left, mirror = (
                int(torch.randint(most, (1,), generator=random))
                for most in (len(self.pairs.renders), height - side + 1, width - side + 1, 2)
            )
            small = self.pairs.renders[pick, :, top : top + side, left : left + side]
            large = self.pairs.truth[pick, :, scale * top : scale * (top + side), scale * left : scale * (left + side)]
            renders.append(small.flip(-1) if mirror else small)
            truth.append(large.flip(-1) if mirror else large)
        return torch.stack(renders).to(device), torch.stack(truth).to(device)


def load_refiner(checkpoint: Path) -> ViewRefiner:
    """The averaged refiner of a checkpoint, ready to use."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    stored = state["record"]["refiner"]
    network = Pair(RefinerConfig(**{**stored, "multipliers": tuple(stored["multipliers"])}))
    network.load_state_dict(state["average"])
    return network.refiner.eval().requires_grad_(False)


class _Reversed(torch.autograd.Function):
    """The value itself; its gradient is turned round and weighted (Ganin and Lempitsky 2015)."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * grads[0], None
