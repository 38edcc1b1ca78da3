# SPDX-License-Identifier: GPL-3.0-or-later
"""A sentence about a person as one vector: words of a closed vocabulary through a small transformer."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

VOCABULARY = Path(__file__).with_name("vocabulary.txt")
"""One word per line; the line's number is part of what trained weights mean, so lines are only ever added."""
EMPTY, UNKNOWN = 0, 1
"""Tokens of padding and of words outside the vocabulary."""
NUMBER_STEP = 5
"""Ages are rounded to multiples of this: nobody sees the difference between 43 and 44."""

EMPTY_WORDS = frozenset({
    "my", "your", "our", "this", "that", "these", "those", "it", "its", "is", "are", "was", "be", "been", "being",
    "am", "and", "or", "but", "so", "also", "just", "please", "really", "quite", "rather", "some", "any", "kind",
    "sort", "type", "like", "as", "at", "by", "for", "from", "on", "into", "than", "then", "there", "which", "whose",
    "would", "should", "could", "will", "d", "s", "ll", "m", "re", "ve", "an", "the", "model", "character", "game",
    "version", "style", "realistic", "hi", "hello", "thanks", "thank",
})  # fmt: skip
"""Words that say nothing about a person: they are passed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEncoderConfig:
    """Sizes of the sentence encoder."""

    width: int = 160
    layers: int = 3
    heads: int = 5
    longest: int = 64
    """Words of a sentence that are read; the rest is cut."""
    embedding: int = 256

    @classmethod
    def tiny(cls) -> "TextEncoderConfig":
        """For tests."""
        return cls(width=16, layers=1, heads=2, embedding=32)


@lru_cache(1)
def vocabulary() -> dict[str, int]:
    """Word -> token."""
    words = VOCABULARY.read_text(encoding="utf-8").split()
    return {word: token for token, word in enumerate(words, start=UNKNOWN + 1)}


def split(sentence: str) -> list[str]:
    """Lower-case words of a sentence but for empty ones; hyphens part words, numbers are rounded."""
    words = re.findall(r"[^\W\d_]+|\d+", sentence.lower().replace("'", ""))
    known = vocabulary()
    return [_rounded(word) if word.isdecimal() else word for word in words if word in known or word not in EMPTY_WORDS]


def tokenise(sentences: list[str], longest: int) -> Int[Tensor, "B T"]:
    """Tokens of sentences, padded with `EMPTY` to the longest of them."""
    known = vocabulary()
    rows = [[known.get(word, UNKNOWN) for word in split(sentence)][:longest] for sentence in sentences]
    width = max(1, *(len(row) for row in rows))
    return torch.tensor([row + [EMPTY] * (width - len(row)) for row in rows])


def unknown_words(sentence: str) -> list[str]:
    """Words that the encoder cannot read, in their order: users are told instead of being ignored."""
    return list(dict.fromkeys(word for word in split(sentence) if word not in vocabulary()))


class TextEncoder(nn.Module):
    """Transformer over words (Vaswani et al. 2017, pre-norm); its output is read off by attention pooling."""

    def __init__(self, config: TextEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(UNKNOWN + 1 + len(vocabulary()), config.width)
        nn.init.normal_(self.words.weight, std=0.02)
        self.place = nn.Parameter(0.02 * torch.randn(config.longest, config.width))
        self.layers = nn.ModuleList(_Layer(config.width, config.heads) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.question = nn.Linear(config.width, 4)
        self.out = nn.Linear(4 * config.width, config.embedding)

    def forward(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "B E"]:
        """One vector per row of tokens."""
        real = tokens != EMPTY
        real[:, 0] = True  # an empty sentence says nothing, but attention needs something to look at
        hidden = self.words(tokens) + self.place[: tokens.shape[1]]
        for layer in self.layers:
            hidden = layer(hidden, real)
        hidden = self.norm(hidden)
        share = self.question(hidden).masked_fill(~real[..., None], float("-inf")).softmax(1)
        return self.out(torch.einsum("btq,btc->bqc", share, hidden).flatten(1))


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query_key_value, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, hidden: Float[Tensor, "B T C"], real: Bool[Tensor, "B T"]) -> Float[Tensor, "B T C"]:
        batch, count, _ = hidden.shape
        joined = self.query_key_value(self.norm1(hidden)).reshape(batch, count, 3, self.heads, -1)
        query, key, value = joined.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None])
        hidden = hidden + self.mix(mixed.transpose(1, 2).reshape(batch, count, -1))
        return hidden + self.feed(self.norm2(hidden))


def _rounded(number: str) -> str:
    return str(NUMBER_STEP * round(min(int(number), 100) / NUMBER_STEP))
