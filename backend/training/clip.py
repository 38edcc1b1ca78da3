# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitting CLIP into the own space: the adapter learns where the own encoders put the same portraits and sentences."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..models.clip import Adapter, AdapterConfig, ClipEncoder
from ..studio.captions import paraphrase
from .embedding import load_embedding
from .engine import EngineConfig, train
from .loop import Report, ignore
from .portrait_set import PortraitSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTraining:
    """How the adapter is learned."""

    batch: int = 32
    to_people: float = 0.5
    """Weight of a sentence's cosine to its person's portrait, beside that to the own encoder's sentence: CLIP may know
    better what a word looks like."""


class ClipStage:
    """Minibatches of photographs and sentences, seen by CLIP and by the own encoders."""

    name = "clip"

    def __init__(
        self, portraits: PortraitSet, encoder: ClipEncoder, embedding: Any, adapter: AdapterConfig, config: ClipTraining
    ) -> None:
        self.portraits, self.encoder, self.embedding, self.config = portraits, encoder, embedding, config
        self.network = Adapter(adapter)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """One minus the cosine to where the own encoders lie."""
        chosen = torch.randint(2 * len(self.portraits), (self.config.batch,), generator=random)
        photographs, _ = self.portraits.draw(chosen, random)
        words = np.random.default_rng(int(torch.randint(2**62, (1,), generator=random)))
        said = [paraphrase(self.portraits.records[int(row) % len(self.portraits)], words) for row in chosen]
        with torch.no_grad():
            own_image, own_text = self.embedding.image(photographs), self.embedding.text(said)
            seen, read = self.encoder.image(photographs), self.encoder.text(said)
        image, text = self.network.image(seen), self.network.text(read)
        apart = lambda first, second: 1 - (first * second).mean()  # noqa: E731
        return {
            "image": apart(image, own_image),
            "text": apart(text, own_text),
            "people": self.config.to_people * apart(text, own_image),
        }

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Vectors are no pictures."""

    def record(self) -> dict[str, Any]:
        """What rebuilds the network."""
        config = self.network.config
        return {"adapter": {"features": config.features, "size": config.size, "width": config.width}}


def train_clip(
    folder: Path,
    embedding_checkpoint: Path,
    source: str | Path,
    out: Path,
    engine: EngineConfig,
    config: ClipTraining | None = None,
    report: Report = ignore,
) -> Path:
    """Fit the CLIP of a folder or of the cache into the space of a finished embedding; returns the adapter's file."""
    embedding = load_embedding(embedding_checkpoint)
    encoder = ClipEncoder.load(source)
    portraits = PortraitSet(folder, embedding.config.portrait.image_size)
    sizes = AdapterConfig(features=encoder.features, size=embedding.config.size)
    checkpoint = train(ClipStage(portraits, encoder, embedding, sizes, config or ClipTraining()), engine, out, report)
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    adapter = Adapter(AdapterConfig(**state["record"]["adapter"]))
    adapter.load_state_dict(state["average"])
    adapter.save(out / "clip.safetensors")
    return out / "clip.safetensors"
