# SPDX-License-Identifier: GPL-3.0-or-later
"""What repaints views of heads, as one file of weights: the denoiser, and the embedding whose vectors it knows people
by. They travel together, so that a new generator does not change what its sentences mean to it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..diffusion.schedule import ScheduleConfig
from ..models.embedding import EmbeddingConfig, JointEmbedding
from ..models.layers import channels_last
from ..models.view_denoiser import ViewDenoiser, ViewDenoiserConfig
from .store import fill, misfit, other_version, read, write

PAINTER = Path(__file__).with_name("diffuse_local.safetensors")
PAINTER_FORMAT = "maquette-painter-1"


@dataclass(frozen=True, slots=True)
class PainterConfig:
    """All sizes."""

    denoiser: ViewDenoiserConfig
    embedding: EmbeddingConfig
    schedule: ScheduleConfig

    @classmethod
    def tiny(cls) -> "PainterConfig":
        """For tests."""
        return cls(ViewDenoiserConfig.tiny(), EmbeddingConfig.tiny(), ScheduleConfig(kind="cosine", tau=0.2))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "PainterConfig":
        """Rebuild from what `to_json` gave."""
        return cls(ViewDenoiserConfig.from_json(stored["denoiser"]), EmbeddingConfig.from_json(stored["embedding"]),
                   ScheduleConfig(**stored["schedule"]))  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"denoiser": self.denoiser.to_json(), "embedding": self.embedding.to_json(),
                "schedule": asdict(self.schedule)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Painter:
    """Worn views to sharp ones."""

    config: PainterConfig
    denoiser: ViewDenoiser
    embedding: JointEmbedding

    @classmethod
    def build(cls, config: PainterConfig) -> "Painter":
        """With fresh weights."""
        return cls(config, ViewDenoiser(config.denoiser), JointEmbedding(config.embedding)).ready()

    def modules(self) -> dict[str, nn.Module]:
        """Its networks by their name in the file."""
        return {"denoiser": self.denoiser, "embedding": self.embedding}

    def ready(self) -> "Painter":
        """For inference: no gradients, convolutions in their fastest layout."""
        for module in self.modules().values():
            module.eval().requires_grad_(False)
            channels_last(module)
        return self

    def to(self, device: torch.device) -> "Painter":
        """The same model on a device."""
        for module in self.modules().values():
            module.to(device)
        return self


def save_painter(model: Painter, path: Path) -> None:
    """Write a painter in half precision."""
    write(path, PAINTER_FORMAT, model.config.to_json(), model.modules(), {})


def load_painter(path: Path = PAINTER) -> Painter:
    """Read a painter, on the CPU in single precision, ready to use.

    Raises WeightsError if the file is missing, damaged or of another kind.
    """
    configs, tensors = read(path, PAINTER_FORMAT)
    try:
        model = Painter.build(PainterConfig.from_json(configs))
    except (KeyError, TypeError, ValueError) as error:
        raise other_version(path) from error
    try:
        fill(model.modules(), tensors)
    except (KeyError, RuntimeError) as error:
        raise misfit(path) from error
    return model
