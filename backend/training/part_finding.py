# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching the finder of hair, from studio people as they are and recoloured: whoever learns to edit never learns from
it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ..models.hair_finder import HairFinder, HairFinderConfig
from ..models.layers import channels_last
from .engine import EngineConfig, train
from .look_judging import LookJudgeTraining, worn
from .look_set import LookSet
from .loop import Report, ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class HairTraining:
    """How it is taught."""

    batch: int = 24
    wear: LookJudgeTraining = field(default_factory=lambda: LookJudgeTraining(softest=0.5))


class HairStage:
    """Learns from a folder of `studio.sittings` shards."""

    name = "hair"

    def __init__(
        self, folder: Path, network: HairFinderConfig | None = None, config: HairTraining | None = None
    ) -> None:
        self.config = config or HairTraining()
        self.people = LookSet(folder)
        self.network = HairFinder(network or HairFinderConfig())
        channels_last(self.network)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Cross entropy of each pixel, on pictures worn as generated ones are."""
        pictures, masks = self.people.haired(self.config.batch, self.network.config.side, random)
        logits = self.network(worn(pictures, self.config.wear, random))
        return {"hair": functional.binary_cross_entropy_with_logits(logits, masks)}

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Nothing to draw."""

    def record(self) -> dict[str, Any]:
        """The configuration of the network."""
        return {"hair": self.network.config.to_json()}


@torch.inference_mode()
def overlap(finder: HairFinder, people: LookSet, count: int, random: torch.Generator) -> float:
    """Intersection over union of found and true hair, over all pixels of so many pictures."""
    pictures, masks = people.haired(count, finder.config.side, random)
    found = torch.cat([finder(part) for part in pictures.split(32)]) > 0
    true = masks > 0.5
    return float((found & true).sum() / (found | true).sum().clamp(min=1))


def train_hair_finder(
    folder: Path,
    held: Path,
    out: Path,
    engine: EngineConfig,
    weights: Path,
    report: Report = ignore,
    network: HairFinderConfig | None = None,
    pictures: int = 128,
) -> float:
    """Train, measure on people of another folder, and write the weights in half precision with the overlap."""
    stage = HairStage(folder, network)
    checkpoint = train(stage, engine, out, report)
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    finder = HairFinder(stage.network.config)
    finder.load_state_dict(state["average"])
    found = overlap(finder.eval(), LookSet(held, training=False), pictures, torch.Generator().manual_seed(1))
    halves = {name: value.half().contiguous() for name, value in finder.state_dict().items()}
    save_file(halves, weights, metadata={"config": json.dumps(finder.config.to_json()), "overlap": str(found)})
    weights.chmod(0o644)
    return found
