# SPDX-License-Identifier: GPL-3.0-or-later
"""A small picture classifier with several questions: the judge of generated people, unknown to what generates them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .layers import Down, Residual, norm


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig:
    """Sizes of the judge."""

    image_size: int = 64
    """Small on purpose: generated pictures are soft, and what cannot be seen here shall not count."""
    widths: tuple[int, int, int] = (32, 64, 128)
    """Channels at a quarter, an eighth and a sixteenth of the picture's side."""
    questions: Mapping[str, int] = field(default_factory=dict)
    """Name -> number of answers."""

    @classmethod
    def tiny(cls) -> "JudgeConfig":
        """For tests."""
        return cls(image_size=32, widths=(8, 8, 16), questions={"sex": 2, "age group": 3})

    @classmethod
    def from_json(cls, stored: Mapping) -> "JudgeConfig":
        """Rebuild from what `to_json` gave."""
        return cls(**{**stored, "widths": tuple(stored["widths"])})

    def to_json(self) -> dict:
        """As plain JSON."""
        return {**asdict(self), "questions": dict(self.questions)}


class Judge(nn.Module):
    """Answers about a person from one picture over white."""

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.config = config
        first, middle, last = config.widths
        self.stem = nn.Conv2d(4 * 3, first, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList([
            Residual(first), Down(first, middle), Residual(middle), Down(middle, last), Residual(last),
            Residual(last),
        ])  # fmt: skip
        self.norm = norm(last)
        self.answers = nn.ModuleDict(
            {name.replace(" ", "_"): nn.Linear(2 * last, count) for name, count in config.questions.items()}
        )

    def forward(self, picture: Float[Tensor, "B 3 H W"]) -> dict[str, Float[Tensor, "B N"]]:
        """Logits of the answers to each question; pictures in [0, 1]."""
        folded = functional.pixel_unshuffle(picture * 2 - 1, 2).contiguous(memory_format=torch.channels_last)
        hidden = self.stem(folded)
        for block in self.blocks:
            hidden = block(hidden)
        hidden = functional.silu(self.norm(hidden))
        pooled = torch.cat([hidden.mean((2, 3)), hidden.amax((2, 3))], 1)
        return {name: self.answers[name.replace(" ", "_")](pooled).float() for name in self.config.questions}
