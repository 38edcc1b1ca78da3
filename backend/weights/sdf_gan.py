# SPDX-License-Identifier: GPL-3.0-or-later
"""An SDF GAN as one file of weights: the generator, and the network that says where its pictures ask."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ..models.proposal import ProposalCNN, ProposalConfig
from ..models.sdf_gan import SdfGan, SdfGanConfig
from .library import FORMAT, Entry
from .licences import Licence
from .store import WeightsError, fill

FAMILY = "sdf-gan"
OWN = Licence(
    name="your own", commercial=True,
    terms="Trained by you: the terms of the pictures that it learned from hold.",
)  # fmt: skip


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


def save_sdf_gan(model: TrainedSdfGan, path: Path, terms: Licence = OWN, recipe: dict[str, Any] | None = None) -> None:
    """Write a GAN in half precision, as a file that the user's folder of models takes as it is; `recipe` says of a
    style how it came to be."""
    tensors = {
        f"{name}.{key}": value.detach().half().contiguous()
        for name, module in model.modules().items()
        for key, value in module.state_dict().items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(tensors[name].cpu().numpy().tobytes())
    told = {
        "format": FORMAT, "family": FAMILY, "config": json.dumps(model.config.to_json()),
        "licence": json.dumps(asdict(terms)),
        "origin": json.dumps({"file": path.name, "sha256": digest.hexdigest()}),
    } | ({} if recipe is None else {"recipe": json.dumps(recipe)})  # fmt: skip
    save_file(tensors, path, metadata=told)
    path.chmod(0o644)


def load_sdf_gan(entry: Entry) -> TrainedSdfGan:
    """Read a GAN, on the CPU in single precision, ready to use.

    Raises WeightsError if the file is damaged or of another version.
    """
    again = "Train it again, or take the file again."
    try:
        model = TrainedSdfGan.build(SdfGanFileConfig.from_json(entry.config))
        with safe_open(entry.path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        fill(model.modules(), tensors)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"the model {entry.name} is damaged ({error})", again) from error
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"the model {entry.name} is of another version", again) from error
    if not all(value.isfinite().all() for value in tensors.values()):
        raise WeightsError(f"the model {entry.name} holds numbers that are not finite", again)
    return model.ready()
