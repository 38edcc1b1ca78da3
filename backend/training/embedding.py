# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning the space of portraits and sentences: which sentence fits whom, what it says, and what it leaves open."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

from ..models.embedding import EmbeddingConfig, JointEmbedding
from ..models.layers import channels_last
from ..studio.attributes import CLASSES, UNKNOWN, labels
from ..studio.captions import paraphrase
from ..studio.dataset import DatasetError
from .engine import EngineConfig, train
from .latents import LatentSet
from .loop import Report, ignore
from .portrait_set import PortraitSet
from .portraits import plain_photograph

STRANGE_WORD = "xyzzy"
"""Stands for words that the encoder has never seen."""
SHEET_SENTENCES = ("an old man with grey hair", "a young woman with red hair", "a man with a full beard",
                   "a person with round glasses", "a woman with dark skin", "a blonde with a ponytail")  # fmt: skip
TILE = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingTraining:
    """How the space is learned."""

    batch: int = 64
    """Portraits per step; each meets two sentences."""
    held_out: int = 64
    """People, the last of the folder, that only measure."""
    strange: float = 0.03
    """Share of words that are replaced by unknown ones."""
    plain: float = 0.15
    """Share of sentences that are the studio's own captions."""
    plainly_lit: float = 0.4
    """Share of photographs under white light and without wear: what is small, such as glasses, is learned from them."""
    mean_weight: float = 0.7
    """Of a sentence's cosine to its people's portraits: pulls it to their mean."""
    attribute_weight: float = 1.0
    component_weight: float = 0.7


class EmbeddingStage:
    """Minibatches of photographs, sentences, classes and principal components of the same people."""

    name = "embedding"

    def __init__(
        self,
        portraits: PortraitSet,
        latents: LatentSet,
        model: EmbeddingConfig,
        config: EmbeddingTraining,
        device: torch.device | None = None,
    ) -> None:
        self.portraits, self.config = portraits, config
        self.people = min(latents.people, len(portraits))
        seeds = torch.tensor([record["seed"] for record in portraits.records[: self.people]])
        if not torch.equal(seeds, latents.seeds[: self.people]):
            raise DatasetError("latents and portraits are of different people", "Learn the latents of this folder.")
        self.device = device or torch.device("cpu")
        self.network = JointEmbedding(model).to(self.device)
        channels_last(self.network)
        self.coordinates = torch.stack(
            [latents.coordinates[: self.people], latents.coordinates[latents.people :][: self.people]]
        )[..., : model.components].float()
        share = latents.variance[: model.components].float()
        # Between a share of the picture and a fair hearing for every component.
        self.component_weights = (share.sqrt() / share.sqrt().sum()).to(self.device)
        self.classes = class_table(portraits.records[: self.people])
        self.seen = self.people - min(config.held_out, self.people // 4)
        """People below this index are trained on."""

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Contrast, distance of sentences to their people, classes and components read off both."""
        count = self.config.batch
        rows = torch.randint(self.seen, (count,), generator=random)
        mirrored = torch.randint(2, (count,), generator=random)
        photographs = self.photographs(rows + mirrored * len(self.portraits), random)
        words = np.random.default_rng(int(torch.randint(2**62, (1,), generator=random)))
        sentences = [self.sentence(int(row), words) for row in rows.repeat(2)]
        image, text = self.network.image(photographs.to(self.device)), self.network.text(sentences)
        known = {name: column[rows].to(self.device) for name, column in self.classes.items()}
        wanted = self.coordinates[mirrored, rows].to(self.device)
        twice = {name: column.repeat(2) for name, column in known.items()}
        weight = self.config.attribute_weight
        told = 1 - (text * image.detach().repeat(2, 1)).mean(1)
        return {
            "contrast": torch.stack([self._contrast(image, half) for half in text.chunk(2)]).mean(),
            "mean": self.config.mean_weight * told.mean(),
            "image_attributes": weight * self._attribute_loss(image, known),
            "text_attributes": weight * self._attribute_loss(text, twice),
            "image_components": self.config.component_weight * self._component_loss(image, wanted),
            "text_components": 0.3 * self.config.component_weight * self._component_loss(text, wanted.repeat(2, 1)),
        }

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """The held-out portraits that are nearest to some sentences, a row each."""
        network = JointEmbedding(self.network.config)
        network.load_state_dict({name: value.cpu() for name, value in average_weights.items()})
        rows = torch.arange(self.seen, self.people)
        with torch.inference_mode():
            photographs = self._fixed_photographs(rows)
            nearest = network.eval().text(list(SHEET_SENTENCES)) @ network.image(photographs).T
        best = nearest.topk(min(6, len(rows)), dim=1).indices
        sheet = Image.new("RGB", (TILE * best.shape[1], (TILE + 14) * len(SHEET_SENTENCES)), "white")
        draw = ImageDraw.Draw(sheet)
        for line, (sentence, found) in enumerate(zip(SHEET_SENTENCES, best, strict=True)):
            draw.text((2, line * (TILE + 14)), sentence, fill="black")
            for column, each in enumerate(found):
                picture = (photographs[each, :3].permute(1, 2, 0) * 127.5 + 127.5).byte().numpy()
                tile = Image.fromarray(picture).resize((TILE, TILE))
                sheet.paste(tile, (TILE * column, line * (TILE + 14) + 14))
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)

    def record(self) -> dict[str, Any]:
        """What rebuilds the network."""
        return {"embedding": self.network.config.to_json(), "people": self.people}

    def photographs(self, chosen: Tensor, random: torch.Generator) -> Float[Tensor, "B 4 H W"]:
        """Of people, or beyond their count of mirror images: some plainly lit, the others worn."""
        plain = round(self.config.plainly_lit * len(chosen))
        which = torch.randint(self.portraits.rgba.shape[1], (plain,), generator=random)
        rgba, normal, _ = self.portraits.pick(chosen[:plain] % len(self.portraits), which)
        lit = plain_photograph(rgba, normal)
        lit = torch.where((chosen[:plain] >= len(self.portraits))[:, None, None, None], lit.flip(3), lit)
        return torch.cat([lit, self.portraits.draw(chosen[plain:], random)[0]])

    def sentence(self, row: int, words: np.random.Generator) -> str:
        """One way to describe a person, at times with words that nobody knows."""
        record = self.portraits.records[row]
        said = record["caption"] if words.random() < self.config.plain else paraphrase(record, words)
        if words.random() < 0.3:
            said = " ".join(STRANGE_WORD if words.random() < 3 * self.config.strange else word for word in said.split())
        return said

    def accuracy(self, network: JointEmbedding) -> dict[str, dict[str, float]]:
        """Share of held-out people whose classes are read rightly off their portrait's z and off the z of their plain
        caption, and how often the caption finds its person among all held-out ones."""
        rows = torch.arange(self.seen, self.people)
        with torch.inference_mode():
            image = network.image(self._fixed_photographs(rows))
            text = network.text([self.portraits.records[int(row)]["caption"] for row in rows])
            found = (text @ image.T).topk(min(5, len(rows)), dim=1).indices == torch.arange(len(rows))[:, None]
            scores = {
                kind: {
                    name: round(float((logits.argmax(1) == truth)[truth != UNKNOWN].float().mean()), 4)
                    for name, logits in network.attributes(z).items()
                    if (truth := self.classes[name][rows]).ne(UNKNOWN).any()
                }
                for kind, z in (("image", image), ("text", text))
            }
        return {**scores, "retrieval": {"among": len(rows), "within_5": round(float(found.any(1).float().mean()), 4)}}

    def _fixed_photographs(self, rows: Tensor) -> Float[Tensor, "B 4 H W"]:
        return self.portraits.draw(rows, torch.Generator().manual_seed(0), torch.zeros(len(rows), dtype=torch.long))[0]

    def _contrast(self, image: Tensor, text: Tensor) -> Tensor:
        """InfoNCE, both ways (Radford et al. 2021); its best answer is a ratio of likelihoods, so that others in the
        batch whom a vague sentence fits too do no harm."""
        logits = self.network.similarity(image, text)
        own = torch.arange(len(logits), device=logits.device)
        return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2

    def _attribute_loss(self, z: Tensor, classes: dict[str, Tensor]) -> Tensor:
        per_name = [
            functional.cross_entropy(logits.float(), classes[name], ignore_index=UNKNOWN)
            for name, logits in self.network.attributes(z).items()
            if classes[name].ne(UNKNOWN).any()
        ]
        return torch.stack(per_name).mean()

    def _component_loss(self, z: Tensor, wanted: Tensor) -> Tensor:
        return (self.component_weights * (self.network.components(z).float() - wanted).square()).sum(1).mean()


def class_table(records: Sequence[dict]) -> dict[str, Tensor]:
    """Classes [N] of all people, by attribute."""
    rows = [labels(record) for record in records]
    return {name: torch.tensor([row[name] for row in rows]) for name in CLASSES}


def train_embedding(
    folder: Path,
    latents: LatentSet,
    out: Path,
    engine: EngineConfig,
    config: EmbeddingTraining | None = None,
    model: EmbeddingConfig | None = None,
    start: Path | None = None,
    report: Report = ignore,
) -> Path:
    """Train on a folder of shards, from the weights of an earlier run if `start` names its checkpoint; returns the
    checkpoint, beside which `embedding.json` holds the held-out scores."""
    model = model or EmbeddingConfig(attributes={name: len(classes) for name, classes in CLASSES.items()})
    portraits = PortraitSet(folder, model.portrait.image_size)
    stage = EmbeddingStage(portraits, latents, model, config or EmbeddingTraining())
    if start is not None:
        stage.network.load_state_dict(load_embedding(start).state_dict())
    checkpoint = train(stage, engine, out, report)
    scores = stage.accuracy(load_embedding(checkpoint))
    (out / "embedding.json").write_text(json.dumps({"people": stage.seen, **scores}, indent=1))
    return checkpoint


def load_embedding(checkpoint: Path) -> JointEmbedding:
    """The averaged network of a finished or interrupted run."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    network = JointEmbedding(EmbeddingConfig.from_json(state["record"]["embedding"]))
    network.load_state_dict(state["average"])
    return network.eval().requires_grad_(False)
