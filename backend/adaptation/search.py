# SPDX-License-Identifier: GPL-3.0-or-later
"""The person of a generator whom a sentence fits best: where text to avatar begins (Lei et al. 2023, section 3.3).

Random people are drawn, a judge of portraits and sentences ranks them, and the best are varied and ranked again (the
cross-entropy method of Rubinstein 1999): a few hundred cheap pictures in place of gradients through a judge, whom those
would deceive.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.alignment import MEAN_FACE, aligned_camera
from ..models.embedding import JointEmbedding
from .adaptable import Adaptable, Shot


class TextJudge(Protocol):
    """Says how well portraits fit a sentence."""

    def scores(self, shots: list[Shot], sentence: str) -> Float[Tensor, " N"]:
        """Higher is better; portraits as `search` takes them."""
        ...


class EmbeddingJudge:
    """The joint space of portraits and sentences that ships with the default generator.

    A sentence's place there is the mean of its people's, and every portrait's has a part that all share; only what a
    portrait has beyond the mean of those it is compared with counts.
    """

    def __init__(self, embedding: JointEmbedding) -> None:
        self.embedding = embedding

    @torch.no_grad()
    def scores(self, shots: list[Shot], sentence: str) -> Float[Tensor, " N"]:
        side = self.embedding.config.portrait.image_size
        rgb, alpha = (torch.stack([getattr(shot, name) for shot in shots]) for name in ("rgb", "alpha"))
        # As its encoder was shown people: before grey, with the matte as the fourth channel.
        person = 2 * (rgb - (1 - alpha)) - alpha
        pictures = functional.interpolate(
            torch.cat([person, alpha * 2 - 1], 1), (side, side), mode="bilinear", align_corners=False
        )
        seen = torch.cat([self.embedding.image(part) for part in pictures.split(16)])
        told, nothing = self.embedding.text([sentence, ""])
        return functional.cosine_similarity(seen - seen.mean(0), (told - nothing)[None])


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How long and how finely people are looked for."""

    candidates: int = 192
    """Random people."""
    rounds: int = 2
    """In which the best are varied, each with half as many."""
    elite: int = 8
    """Of each round, those that the next one varies."""
    spread: float = 0.5
    """Of the variation, in deviations of the best."""
    truncation: float = 0.8
    side: int = 48
    """Of the portraits, pixels."""
    samples: int = 12


@dataclass(frozen=True, slots=True)
class Found:
    """The person whom the sentence fits best."""

    styles: Float[Tensor, "1 K W"]
    score: float
    usual: float
    """Score of the average random person."""


def search(
    generator: Adaptable, judge: TextJudge, sentence: str, config: Search, random: torch.Generator
) -> Generator[tuple[float, Shot], None, Found]:
    """Yield the share that is done and the picture after each person; returns the best."""
    rounds = [config.candidates] + [max(config.candidates // 2, 1)] * config.rounds
    total, done = sum(rounds), 0
    styles = generator.styles(generator.latents(rounds[0], random), config.truncation)
    everybody: list[Tensor] = []
    shots: list[Shot] = []
    scores = torch.zeros(0)
    for number, count in enumerate(rounds):
        if number:
            styles = _varied(torch.cat(everybody)[scores.topk(min(config.elite, len(scores))).indices], count,
                             config.spread, random)  # fmt: skip
        for index in range(count):
            shots.append(_portrait(generator, styles[index : index + 1], config))
            done += 1
            yield done / total, shots[-1]
        everybody.append(styles)
        scores = judge.scores(shots, sentence).cpu()
    best = int(scores.argmax())
    return Found(torch.cat(everybody)[best : best + 1], float(scores[best]), float(scores[: rounds[0]].mean()))


@torch.no_grad()
def _portrait(generator: Adaptable, styles: Float[Tensor, "1 K W"], config: Search) -> Shot:
    camera = aligned_camera(MEAN_FACE)
    return generator.shoot(generator.planes(styles), styles, camera, config.side, config.samples, None)


def _varied(
    elite: Float[Tensor, "E K W"], count: int, spread: float, random: torch.Generator
) -> Float[Tensor, "N K W"]:
    """Mixtures of two of the best, with some of what tells them apart as noise; one style for all layers stays one."""
    first, second = torch.randint(len(elite), (2, count), generator=random)
    share = torch.rand(count, 1, 1, generator=random).to(elite)
    noise = torch.randn(count, 1, elite.shape[2], generator=random).to(elite)
    deviation = elite.std(0, unbiased=False, keepdim=True)
    return elite[first].lerp(elite[second], share) + spread * noise * deviation
