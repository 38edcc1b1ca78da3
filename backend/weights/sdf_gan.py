# SPDX-License-Identifier: GPL-3.0-or-later
"""An SDF GAN as one file of weights: the generator, and the network that says where its pictures ask."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..models.proposal import ProposalCNN, ProposalConfig
from ..models.sdf_gan import SdfGan, SdfGanConfig
from .store import fill, misfit, other_version, read, write

SDF_GAN_FORMAT = "maquette-sdf-gan-1"


@dataclass(frozen=True, slots=True)
class SdfGanFileConfig:
    """All sizes."""

    generator: SdfGanConfig
    proposal: ProposalConfig
    side: int
    """Of the pictures that it was trained on, pixels."""
    propose: bool
    """Whether the proposal network was trained long enough to serve."""

    @classmethod
    def tiny(cls) -> "SdfGanFileConfig":
        """For tests."""
        return cls(SdfGanConfig.tiny(), ProposalConfig.tiny(), 16, False)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "SdfGanFileConfig":
        """Rebuild from what `to_json` gave."""
        return cls(SdfGanConfig.from_json(stored["generator"]), ProposalConfig(**stored["proposal"]),
                   int(stored["side"]), bool(stored["propose"]))  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"generator": self.generator.to_json(), "proposal": asdict(self.proposal), "side": self.side,
                "propose": self.propose}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrainedSdfGan:
    """Latents to volumes."""

    config: SdfGanFileConfig
    generator: SdfGan
    proposal: ProposalCNN

    @classmethod
    def build(cls, config: SdfGanFileConfig) -> "TrainedSdfGan":
        """With fresh weights."""
        return cls(config, SdfGan(config.generator), ProposalCNN(config.proposal)).ready()

    def modules(self) -> dict[str, nn.Module]:
        """Its networks by their name in the file."""
        return {"generator": self.generator, "proposal": self.proposal}

    def ready(self) -> "TrainedSdfGan":
        """For inference: no gradients."""
        for module in self.modules().values():
            module.eval().requires_grad_(False)
        return self

    def to(self, device: torch.device) -> "TrainedSdfGan":
        """The same model on a device."""
        for module in self.modules().values():
            module.to(device)
        return self


def save_sdf_gan(model: TrainedSdfGan, path: Path) -> None:
    """Write a GAN in half precision."""
    write(path, SDF_GAN_FORMAT, model.config.to_json(), model.modules(), {})


def load_sdf_gan(path: Path) -> TrainedSdfGan:
    """Read a GAN, on the CPU in single precision, ready to use.

    Raises WeightsError if the file is missing, damaged or of another kind.
    """
    configs, tensors = read(path, SDF_GAN_FORMAT)
    try:
        model = TrainedSdfGan.build(SdfGanFileConfig.from_json(configs))
    except (KeyError, TypeError, ValueError) as error:
        raise other_version(path) from error
    try:
        fill(model.modules(), tensors)
    except (KeyError, RuntimeError) as error:
        raise misfit(path) from error
    return model
