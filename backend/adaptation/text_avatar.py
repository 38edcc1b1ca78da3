# SPDX-License-Identifier: GPL-3.0-or-later
"""A sentence to one avatar, also where it says what no person of the generator looks like.

Lei et al. 2023, section 3.3: the person whom the sentence fits best is looked for and kept; then the generator is
finetuned by score distillation, with planes of this case added to the generated ones and kept smooth at several scales.
Mesh, texture and progressive refinement follow as for every avatar.
"""

import tempfile
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8

from ..geometry.grid_field import GridField
from ..models.text_encoder import unknown_words
from ..synthesis.base import Condition, Progress, Sample
from ..synthesis.densities import distances
from ..synthesis.source import Source, SourceError
from ..weights import store
from ..weights.library import read_entry
from ..weights.sdf_gan import load_sdf_gan
from .adapt import adapt
from .adaptable import Shot, opened
from .adaptable_sdf import AdaptableSdfGan
from .errors import AdaptationError
from .plan import AdaptPlan
from .prior import PicturePrior, PriorPlace, load_prior
from .search import EmbeddingJudge, Found, Search, TextJudge, search

STAGE = "imagining"
STEPS = 80
SEARCHED, LEARNED = 0.2, 0.95
"""Shares of the whole at which the search and the finetuning end."""
BATCH = 2
SHAPE_WEIGHT = 0.1
"""Weaker than for styles: a laurel wreath is a change of shape."""
CASE_RATE = 1.0
LEAST_SIDE, MOST_SIDE = 97, 193
"""Nodes along the box on which the surface is looked for, as for every SDF GAN."""
CHANGES_START = "changes and blends of this avatar start from its person before the generator was bent to the sentence"


class TextAvatar:
    """A synthesizer whose generator is bent to each sentence, and is itself again afterwards."""

    inputs = ("sentence",)

    def __init__(
        self,
        generator: AdaptableSdfGan,
        prior: PicturePrior,
        judge: Callable[[], TextJudge] | None = None,
        steps: int | None = None,
        looking: Search | None = None,
        side: int | None = None,
        plan: AdaptPlan | None = None,
    ) -> None:
        """`judge` gives who says which person fits a sentence, the shipped one unless told; `plan` holds all that is
        not the sentence's and the seed's."""
        self.generator, self.prior, self.name, self.model_hash = generator, prior, generator.name, generator.model_hash
        self.device, self.steps, self.looking = generator.device, steps or STEPS, looking or Search()
        self._judge = judge or _shipped_judge
        self._side = side or min(max(generator.network.config.side + 1, LEAST_SIDE), MOST_SIDE)
        self._plan = plan or AdaptPlan(
            prompt="-", model=self.name, prior=prior.name, batch=BATCH, diversity_weight=0.0,
            shape_weight=SHAPE_WEIGHT, case_rate=CASE_RATE,
        )  # fmt: skip

    @classmethod
    def load(
        cls, model: str, device: str = "cpu", steps: int | None = None, candidates: int | None = None,
        prior: str = "studio",
    ) -> "TextAvatar":  # fmt: skip
        """With a generator of the library. Raises AdaptationError or WeightsError."""
        generator = opened(model, device, case=True)
        if not isinstance(generator, AdaptableSdfGan):
            raise AdaptationError(f"{model} is no SDF GAN, and only those can be bent to one sentence",
                                  "Adapt it instead, as a style: maquette adapt.")  # fmt: skip
        looking = None if candidates is None else Search(candidates=candidates)
        return cls(generator, load_prior(prior, PriorPlace(device=device)), steps=steps, looking=looking)

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        """One head for the condition's sentence; its seed decides who is looked at, and the noise.

        Raises SourceError for anything but a sentence.
        """
        if not condition.sentence or condition.portrait is not None or condition.edit is not None or condition.blend:
            raise SourceError("a head is imagined from a sentence alone", "Give a sentence and nothing else.")
        random = torch.Generator().manual_seed(condition.seed)
        found = yield from self._found(condition.sentence, random)
        with tempfile.TemporaryDirectory(prefix="maquette-imagining-") as folder:
            tuned = yield from self._tuned(condition, found, Path(folder))
        with torch.no_grad():
            volume = tuned.network.volume(tuned.planes(found.styles))
        grid = yield from distances(
            lambda points: -volume.sdf(points), self._side, self.device, STAGE, begin=LEARNED, linear=True
        )
        latent = found.styles.cpu().numpy().astype(np.float16)
        source = Source(latent, latent[0, 0], self.model_hash, condition.seed)
        return Sample(GridField(grid, volume.rgb), source, (*self._notes(condition.sentence), CHANGES_START))

    def _found(self, sentence: str, random: torch.Generator) -> Generator[Progress, None, Found]:
        looking = search(self.generator, self._judge(), sentence, self.looking, random)
        while True:
            try:
                share, shot = next(looking)
            except StopIteration as done:
                found: Found = done.value
                return found
            yield Progress(STAGE, SEARCHED * share, _shown(shot) if round(1000 * share) % 50 == 0 else None)

    def _tuned(self, condition: Condition, found: Found, folder: Path) -> Generator[Progress, None, AdaptableSdfGan]:
        given = self._plan.distillation
        if condition.guidance is not None:
            given = replace(given, guidance=condition.guidance)
        plan = replace(
            self._plan, prompt=condition.sentence or "", seed=condition.seed, steps=self.steps, distillation=given
        )
        copied = self.generator.frozen()
        steps = adapt(copied, self.prior, plan, folder, found.styles)
        while True:
            try:
                step = next(steps)
            except StopIteration as done:
                model = load_sdf_gan(read_entry(done.value.path))
                return AdaptableSdfGan(model, self.name, self.model_hash, self.device)
            yield Progress(STAGE, SEARCHED + (LEARNED - SEARCHED) * step.fraction, step.preview)

    def _notes(self, sentence: str) -> tuple[str, ...]:
        """What nobody involved could read."""
        theirs = getattr(self.prior, "unknown", unknown_words)
        words = [word for word in theirs(sentence) if word in unknown_words(sentence)]
        return (f"not understood and left out: {', '.join(words)}",) if words else ()


def _shipped_judge() -> TextJudge:
    return EmbeddingJudge(store.load().embedding)


def _shown(shot: Shot) -> UInt8[np.ndarray, "S S 3"]:
    picture = (shot.rgb.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(picture)
