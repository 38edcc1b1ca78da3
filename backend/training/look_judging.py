# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching the judge of looks, from studio people alone: whoever learns to make looks never learns from it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ..models.judge import Judge, JudgeConfig
from ..models.layers import channels_last
from ..studio.looks import LOOKS
from .engine import EngineConfig, train
from .look_set import LookSet
from .loop import Report, ignore

QUESTION = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookJudgeTraining:
    """How the judge is taught."""

    batch: int = 48
    softest: float = 0.35
    """Smallest share of the side that pictures are shrunk to and back: generated ones are soft, and that must not
    decide."""
    noise: float = 0.06
    """Largest deviation of noise, of 1."""
    light: float = 0.15
    """Deviation of the brightness and of each colour's, as a factor."""


class LookJudgeStage:
    """Learns from a folder of `studio.sittings` shards."""

    name = "look_judge"

    def __init__(self, folder: Path, config: LookJudgeTraining | None = None) -> None:
        self.config = config or LookJudgeTraining()
        self.people = LookSet(folder)
        self.network = Judge(JudgeConfig(questions={QUESTION: len(LOOKS)}))
        channels_last(self.network)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Cross entropy on pictures worn as generated ones are."""
        pictures, labels = self.people.labelled(self.config.batch, self.network.config.image_size, random)
        logits = self.network(worn(pictures, self.config, random))[QUESTION]
        return {"answer": functional.cross_entropy(logits, labels, label_smoothing=0.05)}

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Nothing to draw."""

    def record(self) -> dict[str, Any]:
        """The configuration of the judge."""
        return {"judge": self.network.config.to_json()}


def worn(
    pictures: Float[Tensor, "B 3 S S"], config: LookJudgeTraining, random: torch.Generator
) -> Float[Tensor, "B 3 S S"]:
    """Softer, noisier, and in another light."""
    side, found = pictures.shape[-1], []
    for picture in pictures.split(1):
        share = config.softest + (1 - config.softest) * float(torch.rand(1, generator=random))
        small = functional.interpolate(picture, (max(8, round(side * share)),) * 2, mode="area")
        found.append(functional.interpolate(small, (side, side), mode="bilinear", align_corners=False))
    soft = torch.cat(found)
    count = len(soft)
    light = 1 + config.light * (torch.randn(count, 1, 1, 1, generator=random) +
                                0.5 * torch.randn(count, 3, 1, 1, generator=random))  # fmt: skip
    strength = config.noise * torch.rand(count, 1, 1, 1, generator=random)
    return (soft * light + strength * torch.randn(soft.shape, generator=random)).clamp(0, 1)


@torch.inference_mode()
def accuracy(judge: Judge, people: LookSet, count: int, random: torch.Generator) -> dict[str, float]:
    """Share of right answers on pictures of these people, by look, and the mean."""
    pictures, labels = people.labelled(count, judge.config.image_size, random)
    answers = torch.cat([judge(part)[QUESTION].argmax(1) for part in pictures.split(64)])
    right = (answers == labels).float()
    shares = {look.name: float(right[labels == k].mean()) for k, look in enumerate(LOOKS) if bool((labels == k).any())}
    return {**shares, "mean": float(right.mean())}


def train_look_judge(
    folder: Path,
    held: Path,
    out: Path,
    engine: EngineConfig,
    weights: Path,
    report: Report = ignore,
    pictures: int = 480,
    batch: int = 48,
) -> dict[str, float]:
    """Train, measure on so many pictures of people of another folder, and write the weights in half precision with what
    was measured."""
    stage = LookJudgeStage(folder, LookJudgeTraining(batch=batch))
    checkpoint = train(stage, engine, out, report)
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    judge = Judge(stage.network.config)
    judge.load_state_dict(state["average"])
    found = accuracy(judge.eval(), LookSet(held, training=False), pictures, torch.Generator().manual_seed(1))
    halves = {name: value.half().contiguous() for name, value in judge.state_dict().items()}
    looks = [look.name for look in LOOKS]
    metadata = {"config": json.dumps(judge.config.to_json()), "looks": json.dumps(looks), "accuracy": json.dumps(found)}
    save_file(halves, weights, metadata=metadata)
    weights.chmod(0o644)
    return found
