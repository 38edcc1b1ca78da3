# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning the prior over z: vectors of everybody's portraits, made once, and sentences that fit them."""

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from ..models.prior import LatentPrior, PriorConfig
from .embedding import load_embedding
from .encoded import EncodedPeople, encode_photographs, encode_sentences
from .engine import EngineConfig, train
from .loop import Report, ignore
from .portrait_set import PortraitSet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorTraining:
    """How the prior is learned."""

    batch: int = 256
    plain: int = 2
    """Photographs of each person under white light, encoded once before training starts."""
    worn: int = 2
    """Photographs of each person as they come, mirrored ones among them."""
    sentences: int = 8
    """About each person."""
    untold: float = 0.4
    """Share of visits without a sentence."""
    held_out: int = 64
    """People, the last of the folder, that only measure."""


class PriorStage:
    """Minibatches of z with sentences that fit."""

    name = "prior"

    def __init__(self, people: EncodedPeople, model: PriorConfig, config: PriorTraining) -> None:
        self.config = config
        self.seen = len(people.image) - min(config.held_out, len(people.image) // 4)
        """People below this index are trained on."""
        self.people = people
        self.network = LatentPrior(model)
        photographs, sentences = people.image[: self.seen], people.text[: self.seen]
        # Every photograph of a person with every sentence about them.
        pairs = photographs.shape[1], sentences.shape[1]
        explained = self.network.learn(
            photographs.repeat_interleave(pairs[1], 1).flatten(0, 1), sentences.repeat(1, pairs[0], 1).flatten(0, 1)
        )
        logger.info("sentences explain %.3f of the variance of z", explained)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Squared error of z over the squared sine of the angle, bounded: the error of the velocity."""
        count, device = self.config.batch, self.network.mean.device
        rows = torch.randint(self.seen, (count,), generator=random)
        photograph, sentence = (
            torch.randint(stack.shape[1], (count,), generator=random) for stack in (self.people.image, self.people.text)
        )
        dropped = torch.rand(count, generator=random) < self.config.untold
        angle = (torch.rand(1, generator=random) + torch.arange(count) / count) % 1 * math.pi / 2
        noise = torch.randn(count, self.network.config.size, generator=random).to(device)
        z = self.people.image[rows, photograph].to(device)
        text = self.people.text[rows, sentence].to(device)
        clean = (z - self.network.mean) / self.network.deviation
        angle = angle.to(device)
        noisy = angle.cos()[:, None] * clean + angle.sin()[:, None] * noise
        predicted = self.network(noisy, angle, text, dropped.to(device))
        weight = 1 / angle.sin().square().clamp(min=0.02)
        return {"velocity": (weight * (predicted.float() - clean).square().mean(1)).mean()}

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Vectors are no pictures: the base model's sheets show what they stand for."""

    def record(self) -> dict[str, Any]:
        """What rebuilds the network."""
        return {"prior": self.network.config.to_json()}

    @torch.inference_mode()
    def scores(self, network: LatentPrior) -> dict[str, float]:
        """How drawn people compare with real ones: mean pairwise cosine, mean cosine to the nearest person trained on
        (held-out people's beside it: well above that is memory), and the cosine to the sentences they were drawn for
        (held-out people's own beside it)."""
        known = self.people.image[: self.seen, 0]
        fresh, told = self.people.image[self.seen :, 0], self.people.text[self.seen :, 0]
        noise = torch.randn(fresh.shape, generator=torch.Generator().manual_seed(0))
        drawn, asked = network.sample(noise), network.sample(noise, told)

        def nearest(z: Tensor) -> float:
            return float((z @ known.T).max(1).values.mean() / z.shape[1])

        def spread(z: Tensor) -> float:
            cosine = z @ z.T / z.shape[1]
            return float((cosine.sum() - cosine.trace()) / (len(z) * (len(z) - 1)))

        return {name: round(value, 4) for name, value in {
            "pairwise_drawn": spread(drawn), "pairwise_people": spread(fresh),
            "nearest_drawn": nearest(drawn), "nearest_people": nearest(fresh),
            "sentence_drawn": float(functional.cosine_similarity(asked, told).mean()),
            "sentence_people": float(functional.cosine_similarity(fresh, told).mean()),
        }.items()}  # fmt: skip


def train_prior(
    folder: Path,
    embedding_checkpoint: Path,
    out: Path,
    engine: EngineConfig,
    config: PriorTraining | None = None,
    model: PriorConfig | None = None,
    report: Report = ignore,
) -> Path:
    """Train on a folder of shards and the finished space; returns the checkpoint, beside which `prior.json` holds the
    scores."""
    config = config or PriorTraining()
    embedding = load_embedding(embedding_checkpoint)
    model = model or PriorConfig(size=embedding.config.size)
    portraits = PortraitSet(folder, embedding.config.portrait.image_size)
    people = EncodedPeople(
        encode_photographs(portraits, embedding, config.plain, config.worn),
        encode_sentences(portraits.records, embedding, config.sentences),
    )
    stage = PriorStage(people, model, config)
    checkpoint = train(stage, engine, out, report)
    (out / "prior.json").write_text(json.dumps(stage.scores(load_prior(checkpoint)), indent=1))
    return checkpoint


def load_prior(checkpoint: Path) -> LatentPrior:
    """The averaged network of a finished or interrupted run."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = LatentPrior(PriorConfig.from_json(state["record"]["prior"]))
    network.load_state_dict(state["average"])
    return network.eval().requires_grad_(False)
