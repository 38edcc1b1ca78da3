# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaching the sentence side of a finished space more, without touching where portraits lie: what was trained on their
z stays valid, and a step costs a fifth of one with photographs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..models.embedding import JointEmbedding
from ..studio.attributes import UNKNOWN
from ..studio.captions import paraphrase
from .embedding import STRANGE_WORD, class_table
from .encoded import EncodedPeople

FROZEN = ("portrait_encoder", "from_portrait", "to_components")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceTraining:
    """How sentences are learned."""

    batch: int = 96
    held_out: int = 64
    """People, the last of the folder, that only measure."""
    strange: float = 0.03
    """Share of words that are replaced by unknown ones."""
    mean_weight: float = 0.7
    """Of a sentence's cosine to its people's portraits: pulls it to their mean."""
    attribute_weight: float = 2.0


class SentenceStage:
    """Minibatches of fresh sentences and the stored z of the same people's photographs."""

    name = "sentences"

    def __init__(
        self, people: EncodedPeople, records: list[dict], network: JointEmbedding, config: SentenceTraining
    ) -> None:
        self.people, self.records, self.network, self.config = people, records, network, config
        for name in FROZEN:
            getattr(network, name).requires_grad_(False)
        self.classes = class_table(records)
        self.seen = len(records) - min(config.held_out, len(records) // 4)
        """People below this index are trained on."""

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Contrast with, and distance to, the photographs; classes read off both."""
        count = self.config.batch
        rows = torch.randint(self.seen, (count,), generator=random)
        which = torch.randint(self.people.image.shape[1], (count,), generator=random)
        device = self.network.log_scale.device
        image = self.people.image[rows, which].to(device)
        words = np.random.default_rng(int(torch.randint(2**62, (1,), generator=random)))
        text = self.network.text([self._sentence(int(row), words) for row in rows])
        logits, own = self.network.similarity(image, text), torch.arange(count, device=device)
        contrast = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
        classes = {name: column[rows].to(device) for name, column in self.classes.items()}
        return {
            "contrast": contrast,
            "mean": self.config.mean_weight * (1 - (text * image).mean(1)).mean(),
            "text_attributes": self.config.attribute_weight * self._attribute_loss(text, classes),
            "image_attributes": self._attribute_loss(image, classes),
        }

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Sentences are no pictures."""

    def record(self) -> dict[str, Any]:
        """What rebuilds the network."""
        return {"embedding": self.network.config.to_json(), "people": len(self.records)}

    @torch.inference_mode()
    def accuracy(self, network: JointEmbedding) -> dict[str, dict[str, float]]:
        """Share of held-out people whose classes are read rightly off their photograph's z and off their caption's."""
        rows = range(self.seen, len(self.records))
        text = network.text([self.records[row]["caption"] for row in rows])
        image = self.people.image[self.seen :, 0]
        scores: dict[str, dict[str, float]] = {}
        for kind, z in (("image", image), ("text", text)):
            for name, logits in network.attributes(z).items():
                truth = self.classes[name][self.seen :]
                if (known := truth != UNKNOWN).any():
                    right = (logits.argmax(1) == truth)[known].float().mean()
                    scores.setdefault(kind, {})[name] = round(float(right), 4)
        return scores

    def _sentence(self, row: int, words: np.random.Generator) -> str:
        record = self.records[row]
        said = record["caption"] if words.random() < 0.15 else paraphrase(record, words)
        if words.random() < 0.3:
            said = " ".join(STRANGE_WORD if words.random() < 3 * self.config.strange else word for word in said.split())
        return said

    def _attribute_loss(self, z: Tensor, classes: dict[str, Tensor]) -> Tensor:
        return torch.stack([
            functional.cross_entropy(logits.float(), classes[name], ignore_index=UNKNOWN)
            for name, logits in self.network.attributes(z).items()
            if classes[name].ne(UNKNOWN).any()
        ]).mean()  # fmt: skip
