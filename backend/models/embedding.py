# SPDX-License-Identifier: GPL-3.0-or-later
"""One latent space for portraits and sentences.

A sentence fits many people: its vector points to the mean of theirs, so what it leaves open stays open, and the prior
over the space (`prior.py`) can draw one of them.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from .portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from .text_encoder import TextEncoder, TextEncoderConfig, tokenise


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingConfig:
    """Sizes of both encoders and of the space."""

    size: int = 256
    """Numbers of z."""
    components: int = 128
    """Principal components of people that z suggests."""
    width: int = 384
    """Of the layer between z and the components."""
    attributes: Mapping[str, int] = field(default_factory=dict)
    """Name -> number of classes that are read off z: for training and for reports."""
    portrait: PortraitEncoderConfig = field(
        default_factory=lambda: PortraitEncoderConfig(widths=(48, 96, 192), token_channels=32)
    )
    text: TextEncoderConfig = field(default_factory=TextEncoderConfig)

    @classmethod
    def tiny(cls) -> "EmbeddingConfig":
        """For tests."""
        return cls(size=32, components=4, width=16, attributes={"sex": 2, "age": 4},
                   portrait=PortraitEncoderConfig.tiny(), text=TextEncoderConfig.tiny())  # fmt: skip

    @classmethod
    def from_json(cls, stored: Mapping) -> "EmbeddingConfig":
        """Rebuild from what `dataclasses.asdict` gave."""
        portrait = PortraitEncoderConfig(**{**stored["portrait"], "widths": tuple(stored["portrait"]["widths"])})
        return cls(**{**stored, "portrait": portrait, "text": TextEncoderConfig(**stored["text"])})

    def to_json(self) -> dict:
        """As plain JSON."""
        return {**asdict(self), "attributes": dict(self.attributes)}


class JointEmbedding(nn.Module):
    """Portraits and sentences to z, and what z suggests of the person."""

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__()
        self.config = config
        self.portrait_encoder, self.text_encoder = PortraitEncoder(config.portrait), TextEncoder(config.text)
        self.from_portrait = _Projection(config.portrait.embedding, config.size)
        self.from_text = _Projection(config.text.embedding, config.size)
        self.to_components = nn.Sequential(
            nn.Linear(config.size, config.width), nn.SiLU(), nn.Linear(config.width, config.width), nn.SiLU(),
            nn.Linear(config.width, config.components),
        )  # fmt: skip
        self.to_attributes = nn.ModuleDict(
            {name.replace(" ", "_"): nn.Linear(config.size, count) for name, count in config.attributes.items()}
        )
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def image(self, portrait: Float[Tensor, "B 4 H W"]) -> Float[Tensor, "B Z"]:
        """z, RMS 1, of portraits in [-1, 1] with their matte as the fourth channel."""
        return normalised(self.from_portrait(self.portrait_encoder(portrait)[1]).float())

    def text(self, sentences: list[str]) -> Float[Tensor, "B Z"]:
        """z, RMS 1, of sentences: towards the mean of the people that each fits."""
        device = self.log_scale.device
        tokens = tokenise(sentences, self.config.text.longest).to(device)
        return normalised(self.from_text(self.text_encoder(tokens)).float())

    def components(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B K"]:
        """Principal components of the latent planes that z suggests, in their deviations."""
        return self.to_components(z)

    def attributes(self, z: Float[Tensor, "B Z"]) -> dict[str, Float[Tensor, "B N"]]:
        """Logits of each attribute's classes."""
        return {name: self.to_attributes[name.replace(" ", "_")](z) for name in self.config.attributes}

    def similarity(self, first: Float[Tensor, "B Z"], second: Float[Tensor, "C Z"]) -> Float[Tensor, "B C"]:
        """Logits of which fits which: a learned scale times the cosine (Radford et al. 2021)."""
        return self.log_scale.clamp(max=4.6).exp() * (first @ second.T) / self.config.size


def normalised(z: Float[Tensor, "*B Z"]) -> Float[Tensor, "*B Z"]:
    """Scaled to RMS 1."""
    return z * z.square().mean(-1, keepdim=True).clamp(min=1e-12).rsqrt()


class _Projection(nn.Module):
    def __init__(self, size: int, out_size: int) -> None:
        super().__init__()
        self.norm, self.widen, self.out = nn.LayerNorm(size), nn.Linear(size, 2 * size), nn.Linear(2 * size, out_size)
        self.skip = nn.Linear(size, out_size)

    def forward(self, vector: Tensor) -> Tensor:
        vector = self.norm(vector)
        return self.skip(vector) + self.out(functional.gelu(self.widen(vector)))
