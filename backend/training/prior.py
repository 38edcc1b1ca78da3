# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning the prior over people: z of everybody's portraits, made once, beside the components of their latents, and
sentences that fit them."""

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..models.prior import LatentPrior, PriorConfig
from .embedding import load_embedding
from .encoded import encode_photographs, encode_sentences
from .engine import EngineConfig, TrainingError, train
from .latents import LatentSet
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
    """Minibatches of people with sentences that fit."""

    name = "prior"

    def __init__(
        self,
        people: Float[Tensor, "N W P"],
        text: Float[Tensor, "N S Z"],
        model: PriorConfig,
        config: PriorTraining,
    ) -> None:
        """`people` are z of photographs and the components of whom they show, `text` the z of sentences."""
        self.config = config
        self.seen = len(people) - min(config.held_out, len(people) // 4)
        """People below this index are trained on."""
        self.people, self.text = people, text
        self.network = LatentPrior(model)
        photographs, sentences = people[: self.seen], text[: self.seen]
        # Every photograph of a person with every sentence about them.
        pairs = photographs.shape[1], sentences.shape[1]
        explained = self.network.learn(
            photographs.repeat_interleave(pairs[1], 1).flatten(0, 1), sentences.repeat(1, pairs[0], 1).flatten(0, 1)
        )
        logger.info("sentences explain %.3f of the variance of z", explained)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Squared error over the squared sine of the angle, bounded: the error of the velocity."""
        count, device = self.config.batch, self.network.mean.device
        rows = torch.randint(self.seen, (count,), generator=random)
        photograph, sentence = (
            torch.randint(stack.shape[1], (count,), generator=random) for stack in (self.people, self.text)
        )
        dropped = torch.rand(count, generator=random) < self.config.untold
        angle = (torch.rand(1, generator=random) + torch.arange(count) / count) % 1 * math.pi / 2
        noise = torch.randn(count, self.network.config.size, generator=random).to(device)
        people = self.people[rows, photograph].to(device)
        text = self.text[rows, sentence].to(device)
        clean = (people - self.network.mean) / self.network.deviation
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
        """How drawn people compare with real ones: mean distance between two, mean distance to the nearest person
        trained on (held-out people's beside it: well below that is memory), both of components, in their deviations;
        and the cosine of z to the sentences they were drawn for (held-out people's own beside it)."""
        known = network.parted(self.people[: self.seen].flatten(0, 1)).components
        fresh, told = network.parted(self.people[self.seen :, 0]), self.text[self.seen :, 0]
        noise = torch.randn(len(told), network.config.size, generator=torch.Generator().manual_seed(0))
        drawn, asked = network.sample(noise), network.sample(noise, told)

        def nearest(components: Tensor) -> float:
            return float(torch.cdist(components, known).min(1).values.mean())

        def spread(components: Tensor) -> float:
            return float(torch.pdist(components).mean())

        return {name: round(value, 4) for name, value in {
            "pairwise_drawn": spread(drawn.components), "pairwise_people": spread(fresh.components),
            "nearest_drawn": nearest(drawn.components), "nearest_people": nearest(fresh.components),
            "sentence_drawn": float(functional.cosine_similarity(asked.z, told).mean()),
            "sentence_people": float(functional.cosine_similarity(fresh.z, told).mean()),
        }.items()}  # fmt: skip


def train_prior(
    folder: Path,
    latents: LatentSet,
    embedding_checkpoint: Path,
    out: Path,
    engine: EngineConfig,
    config: PriorTraining | None = None,
    model: PriorConfig | None = None,
    report: Report = ignore,
) -> Path:
    """Train on a folder of shards, their latents and the finished space; returns the checkpoint, beside which
    `prior.json` holds the scores.

    Raises TrainingError if the latents are those of other people.
    """
    config = config or PriorTraining()
    embedding = load_embedding(embedding_checkpoint)
    model = model or PriorConfig(z=embedding.config.size, components=latents.coordinates.shape[1])
    portraits = PortraitSet(folder, embedding.config.portrait.image_size)
    if [person["seed"] for person in portraits.records] != latents.seeds.tolist():
        raise TrainingError(f"the latents are those of other people than {folder} holds",
                            "Learn them again: maquette train latents.")  # fmt: skip
    people = joined(
        encode_photographs(portraits, embedding, config.plain, config.worn), latents.coordinates, config.plain
    )
    stage = PriorStage(people, encode_sentences(portraits.records, embedding, config.sentences), model, config)
    checkpoint = train(stage, engine, out, report)
    (out / "prior.json").write_text(json.dumps(stage.scores(load_prior(checkpoint)), indent=1))
    return checkpoint


def joined(z: Float[Tensor, "N W Z"], components: Float[Tensor, "M K"], plain: int) -> Float[Tensor, "N W P"]:
    """Each photograph's z beside the components of whom it shows: of those behind the first `plain`, every second one
    shows the mirrored person (see `encode_photographs`), who is in the second half of M = 2N."""
    count, photographs = z.shape[:2]
    own, mirrored = components.float().split(count)
    shown = [mirrored if k >= plain and (k - plain) % 2 else own for k in range(photographs)]
    return torch.cat([z.float(), torch.stack(shown, 1)], 2)


def load_prior(checkpoint: Path) -> LatentPrior:
    """The averaged network of a finished or interrupted run."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = LatentPrior(PriorConfig.from_json(state["record"]["prior"]))
    network.load_state_dict(state["average"])
    return network.eval().requires_grad_(False)
