# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching the judge of generated people, from the studio's views alone: the generator never learns from it."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from ..models.judge import Judge, JudgeConfig
from ..models.layers import channels_last
from ..studio.attributes import JUDGED, UNKNOWN, judged
from ..studio.dataset import shard_files
from .engine import EngineConfig, train
from .loop import Report, ignore

FARTHEST = 1.4
"""Azimuth, radians, up to which views are shown: behind it there is no face."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeTraining:
    """How the judge is taught."""

    batch: int = 64
    held_out: int = 96
    """People, the last of the folder, that only measure."""
    softest: float = 0.4
    """Smallest share of the picture's side that it is shrunk to and back: generated pictures are soft, and that must
    not decide the answer."""


class Views:
    """Everybody's views from the front and the sides, over white, as small as the judge looks at them."""

    def __init__(self, folder: Path, size: int) -> None:
        pictures, people, azimuths = [], [], []
        records: list[dict] = []
        for path in shard_files(folder):
            with np.load(path, allow_pickle=False) as stored:
                azimuth = (stored["view_angles"][..., 0] + math.pi) % (2 * math.pi) - math.pi
                row, view = np.nonzero(np.abs(azimuth) < FARTHEST)
                pictures.append(_over_white(stored["view_rgba"][row, view], size))
                azimuths.append(azimuth[row, view])
                people.append(row + len(records))
                records += json.loads(stored["header"].tobytes())["people"]
        self.pictures: UInt8[Tensor, "N 3 H W"] = torch.cat(pictures)
        self.azimuth = torch.from_numpy(np.concatenate(azimuths))
        """Of each view, in (-pi, pi]."""
        self.person = torch.from_numpy(np.concatenate(people))
        """Of each view."""
        self.records = records
        rows = [judged(record) for record in records]
        self.answers = {name: torch.tensor([row[name] for row in rows]) for name in JUDGED}
        """By person."""


class JudgeStage:
    """Minibatches of views, shifted, mirrored and made soft, with what is true of the person."""

    name = "attributes"

    def __init__(self, views: Views, model: JudgeConfig, config: JudgeTraining) -> None:
        self.views, self.config = views, config
        count = len(views.records)
        self.people = count - min(config.held_out, count // 4)
        """People below this index are trained on."""
        self.rows = torch.nonzero(views.person < self.people)[:, 0]
        self.network = Judge(model)
        channels_last(self.network)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Cross-entropy of each question."""
        chosen = self.rows[torch.randint(len(self.rows), (self.config.batch,), generator=random)]
        device = next(self.network.parameters()).device
        pictures = worn(self.views.pictures[chosen].float() / 255, self.config.softest, random)
        logits = self.network(pictures.to(device))
        people = self.views.person[chosen]
        return {
            name.replace(" ", "_"): functional.cross_entropy(
                answer, self.views.answers[name][people].to(device), ignore_index=UNKNOWN, label_smoothing=0.02
            )
            for name, answer in logits.items()
        }

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Answers are no pictures."""

    def record(self) -> dict[str, Any]:
        """What rebuilds the network."""
        return {"judge": self.network.config.to_json()}

    @torch.inference_mode()
    def accuracy(self, judge: Judge, soft: float | None = None) -> dict[str, float]:
        """Share of held-out people whose views, taken together, are answered rightly; with `soft`, of views shrunk to
        that share of their side and back."""
        correct: dict[str, list[bool]] = {name: [] for name in judge.config.questions}
        for person in range(self.people, len(self.views.records)):
            pictures = self.views.pictures[self.views.person == person].float() / 255
            if soft is not None:
                pictures = _softened(pictures, soft)
            for name, verdict in together(judge(pictures)).items():
                truth = int(self.views.answers[name][person])
                if truth != UNKNOWN:
                    correct[name].append(verdict == truth)
        return {name: round(float(np.mean(right)), 4) for name, right in correct.items() if right}


def together(logits: dict[str, Float[Tensor, "V N"]]) -> dict[str, int]:
    """One verdict of several views: the answer of the greatest mean log-probability."""
    return {name: int(answer.log_softmax(1).mean(0).argmax()) for name, answer in logits.items()}


def worn(pictures: Float[Tensor, "B 3 H W"], softest: float, random: torch.Generator) -> Float[Tensor, "B 3 H W"]:
    """Views a little off in place, size and exposure, mirrored, and many of them soft."""
    batch = len(pictures)
    size = torch.exp(0.05 * torch.randn(batch, generator=random))
    matrix = torch.zeros(batch, 2, 3)
    matrix[:, 0, 0] = size * (2.0 * torch.randint(2, (batch,), generator=random) - 1)
    matrix[:, 1, 1] = size
    matrix[:, :, 2] = 0.04 * torch.randn(batch, 2, generator=random)
    grid = functional.affine_grid(matrix, list(pictures.shape), align_corners=False)
    moved = functional.grid_sample(pictures, grid, padding_mode="border", align_corners=False)
    parts = moved.chunk(4)
    shares = softest + (1 - softest) * torch.rand(len(parts), generator=random)
    shares[0] = 1.0
    soft = torch.cat([_softened(part, float(share)) for part, share in zip(parts, shares, strict=True)])
    exposure = torch.exp(0.03 * torch.randn(batch, 3, 1, 1, generator=random))
    return (soft * exposure + 0.01 * torch.randn(soft.shape, generator=random)).clamp(0, 1)


def train_judge(
    folder: Path,
    out: Path,
    engine: EngineConfig,
    config: JudgeTraining | None = None,
    model: JudgeConfig | None = None,
    report: Report = ignore,
) -> Path:
    """Teach on a folder of shards; returns the weights, half precision, with the accuracies beside them as JSON."""
    model = model or JudgeConfig(questions={name: len(groups) for name, (_, groups) in JUDGED.items()})
    views = Views(folder, model.image_size)
    stage = JudgeStage(views, model, config or JudgeTraining())
    checkpoint = train(stage, engine, out, report)
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    judge = Judge(JudgeConfig.from_json(state["record"]["judge"]))
    judge.load_state_dict(state["average"])
    judge.half().float().eval()
    weights = out / "attributes.safetensors"
    header = {"config": json.dumps(judge.config.to_json())}
    save_file({name: value.half().contiguous() for name, value in judge.state_dict().items()}, weights, header)
    scores = {"people": stage.people, "held_out": len(views.records) - stage.people,
              "accuracy": stage.accuracy(judge), "accuracy_soft": stage.accuracy(judge, 0.4)}  # fmt: skip
    weights.with_suffix(".json").write_text(json.dumps(scores, indent=1) + "\n")
    return weights


def _softened(pictures: Tensor, share: float) -> Tensor:
    side = pictures.shape[-1]
    if share >= 1:
        return pictures
    small = functional.interpolate(pictures, max(8, round(side * share)), mode="area")
    return functional.interpolate(small, side, mode="bilinear", align_corners=False)


def _over_white(rgba: np.ndarray, size: int) -> UInt8[Tensor, "N 3 H W"]:
    """Pictures multiplied by coverage [N, H, W, 4], u8, over white."""
    white = np.minimum(rgba[..., :3].astype(np.int16) + 255 - rgba[..., 3:], 255)
    pictures = torch.from_numpy(white).permute(0, 3, 1, 2).float()
    return functional.adaptive_avg_pool2d(pictures, size).round().to(torch.uint8)
