# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences about how a head looks, as vectors: words of a small vocabulary of its own through a small transformer."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

EMPTY, UNKNOWN = 0, 1
"""Tokens of padding and of words outside the vocabulary."""
PASSED_OVER = frozenset({"the", "a", "an", "and", "is", "are", "it", "its", "very", "really", "please", "this", "that"})
"""Words that say nothing about a look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LookTextConfig:
    """Sizes, and the words it knows; their order is part of what weights mean."""

    words: tuple[str, ...]
    width: int = 128
    layers: int = 2
    heads: int = 4
    longest: int = 40
    """Words of a sentence that are read; the rest is cut."""
    embedding: int = 256

    @classmethod
    def tiny(cls) -> "LookTextConfig":
        """For tests."""
        return cls(words=("bronze", "hair", "man", "marble", "statue", "woman"), width=16, layers=1, heads=2,
                   embedding=16)  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "LookTextConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**{**stored, "words": tuple(stored["words"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {**asdict(self), "words": list(self.words)}


def words_of(sentence: str) -> list[str]:
    """Its words in lower case; hyphens part them, numbers are rounded to fives."""
    found = re.findall(r"[^\W\d_]+|\d+", sentence.lower().replace("'", ""))
    return [str(5 * round(int(word) / 5)) if word.isdecimal() else word for word in found if word not in PASSED_OVER]


def vocabulary_of(sentences: Iterable[str], least: int = 3) -> tuple[str, ...]:
    """Words that come up at least so often, in alphabetical order."""
    counts: dict[str, int] = {}
    for sentence in sentences:
        for word in words_of(sentence):
            counts[word] = counts.get(word, 0) + 1
    return tuple(sorted(word for word, count in counts.items() if count >= least))


class LookText(nn.Module):
    """Transformer over words (Vaswani et al. 2017, pre-norm), averaged. An empty sentence is a vector of its own."""

    def __init__(self, config: LookTextConfig) -> None:
        super().__init__()
        self.config = config
        self._tokens = {word: token for token, word in enumerate(config.words, start=UNKNOWN + 1)}
        self.words = nn.Embedding(UNKNOWN + 1 + len(config.words), config.width)
        self.places = nn.Parameter(0.02 * torch.randn(config.longest, config.width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                config.width, config.heads, 2 * config.width, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(config.layers)
        )
        self.leave = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, config.embedding))
        self.silence = nn.Parameter(torch.zeros(config.embedding))
        nn.init.normal_(self.words.weight, std=0.3)

    def forward(self, sentences: Sequence[str]) -> Float[Tensor, "B E"]:
        """One vector for each sentence."""
        tokens = self.tokenise(sentences).to(self.places.device)
        padding = tokens == EMPTY
        silent = padding.all(1)
        # A row of padding alone would have no softmax: it reads one unknown word and is replaced below.
        padding = padding & ~silent[:, None]
        hidden = self.words(tokens) + self.places[: tokens.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden, src_key_padding_mask=padding)
        read = (~padding).to(hidden.dtype)[..., None]
        said = self.leave((hidden * read).sum(1) / read.sum(1))
        return torch.where(silent[:, None], self.silence.to(said.dtype), said)

    def tokenise(self, sentences: Sequence[str]) -> Int[Tensor, "B T"]:
        """Tokens, padded with `EMPTY` to the longest sentence."""
        rows = [
            [self._tokens.get(word, UNKNOWN) for word in words_of(each)][: self.config.longest] for each in sentences
        ]
        width = max(1, *(len(row) for row in rows))
        return torch.tensor([row + [EMPTY] * (width - len(row)) for row in rows])

    def unknown(self, sentence: str) -> list[str]:
        """Words that it cannot read, in their order."""
        return list(dict.fromkeys(word for word in words_of(sentence) if word not in self._tokens))
