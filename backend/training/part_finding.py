# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching the finder of parts, from studio people as they are and recoloured."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ..models.layers import channels_last
from ..models.part_finder import PartFinder, PartFinderConfig
from ..studio.sittings import PARTS
from .engine import EngineConfig, train
from .look_judging import LookJudgeTraining, worn
from .look_set import LookSet
from .loop import Report, ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTraining:
    """How it is taught."""

    batch: int = 16
    rarest: float = 20.0
    """Greatest weight of a pixel of a rare part."""
    wear: LookJudgeTraining = field(default_factory=lambda: LookJudgeTraining(softest=0.5))


class PartStage:
    """Learns from a folder of `studio.sittings` shards."""

    name = "parts"

    def __init__(
        self, folder: Path, network: PartFinderConfig | None = None, config: PartTraining | None = None
    ) -> None:
        self.config = config or PartTraining()
        self.people = LookSet(folder)
        self.network = PartFinder(network or PartFinderConfig())
        channels_last(self.network)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Cross entropy of each pixel, on pictures worn as generated ones are."""
        pictures, parts = self.people.parted(self.config.batch, self.network.config.side, random)
        logits = self.network(worn(pictures, self.config.wear, random))
        # Eyes are few pixels: each part has the same say in half of the loss.
        every = functional.cross_entropy(logits, parts, reduction="none")
        shown = torch.bincount(parts.flatten(), minlength=logits.shape[1]).clamp(min=1)
        rare = every * (parts.numel() / (len(shown) * shown[parts])).clamp(max=self.config.rarest)
        return {"parts": 0.5 * (every.mean() + rare.mean())}

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Nothing to draw."""

    def record(self) -> dict[str, Any]:
        """The configuration of the network."""
        return {"parts": self.network.config.to_json()}


@torch.inference_mode()
def overlaps(finder: PartFinder, people: LookSet, count: int, random: torch.Generator) -> dict[str, float]:
    """Intersection over union of each found and true part that occurs, over all pixels of so many pictures."""
    pictures, true = people.parted(count, finder.config.side, random)
    found = torch.cat([finder(some).argmax(1) for some in pictures.split(16)])
    shares = {}
    for number, name in enumerate(PARTS, 1):
        here, there = found == number, true == number
        if there.any():
            shares[name] = round(float((here & there).sum() / (here | there).sum()), 4)
    return shares


def train_part_finder(
    folder: Path,
    held: Path,
    out: Path,
    engine: EngineConfig,
    weights: Path,
    report: Report = ignore,
    network: PartFinderConfig | None = None,
    pictures: int = 128,
) -> dict[str, float]:
    """Train, measure on people of another folder, and write the weights in half precision with the overlaps."""
    stage = PartStage(folder, network)
    checkpoint = train(stage, engine, out, report)
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    finder = PartFinder(stage.network.config)
    finder.load_state_dict(state["average"])
    found = overlaps(finder.eval(), LookSet(held, training=False), pictures, torch.Generator().manual_seed(1))
    halves = {name: value.half().contiguous() for name, value in finder.state_dict().items()}
    save_file(halves, weights, metadata={"config": json.dumps(finder.config.to_json()), "overlaps": json.dumps(found)})
    weights.chmod(0o644)
    return found
