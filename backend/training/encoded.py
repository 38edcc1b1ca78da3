# SPDX-License-Identifier: GPL-3.0-or-later
"""Everybody of a folder in the space of portraits and sentences, encoded once."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..models.embedding import JointEmbedding
from ..studio.captions import paraphrase
from .portrait_set import PortraitSet
from .portraits import plain_photograph


@dataclass(frozen=True, slots=True)
class EncodedPeople:
    """z of people's photographs and of sentences about them."""

    image: Float[Tensor, "N P Z"]
    text: Float[Tensor, "N S Z"]


@torch.inference_mode()
def encode_photographs(
    portraits: PortraitSet, embedding: JointEmbedding, plain: int, worn: int, seed: int = 0
) -> Float[Tensor, "N P Z"]:
    """z of each person's first `plain` portraits under white light, then of `worn` photographs as they come, every
    second of them mirrored."""
    random = torch.Generator().manual_seed(seed)
    rows = []
    for people in torch.arange(len(portraits)).split(32):
        views = [plain_photograph(*portraits.pick(people, torch.full_like(people, k))[:2]) for k in range(plain)]
        views += [portraits.draw(people + k % 2 * len(portraits), random)[0] for k in range(worn)]
        rows.append(torch.stack([embedding.image(view) for view in views], 1))
    return torch.cat(rows)


@torch.inference_mode()
def encode_sentences(
    records: list[dict], embedding: JointEmbedding, count: int, seed: int = 0
) -> Float[Tensor, "N S Z"]:
    """z of the plain caption of each person, then of `count` - 1 other sentences."""
    words = np.random.default_rng(seed)
    said = [[str(record["caption"]), *(paraphrase(record, words) for _ in range(count - 1))] for record in records]
    rows = [embedding.text([each for row in said[first : first + 32] for each in row])
            for first in range(0, len(said), 32)]  # fmt: skip
    return torch.cat(rows).unflatten(0, (len(records), count))
