# SPDX-License-Identifier: GPL-3.0-or-later
"""CLIP (Radford et al. 2021) in the place of the own encoders, for those who have its weights.

Frozen, with a small trained adapter into the own space (`training.clip`): the generator does not notice the difference,
but sentences may use words that the studio's captions never do.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from .embedding import JointEmbedding, normalised

MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on, RGB in [0, 1]."""
DEFAULT = "openai/clip-vit-base-patch32"


class ClipError(Exception):
    """CLIP cannot be loaded; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """Sizes of the adapter."""

    features: int
    """Numbers of CLIP's own joint space."""
    size: int = 256
    """Numbers of z."""
    width: int = 512


class Adapter(nn.Module):
    """CLIP's features of pictures and of sentences into z; the two lie apart in CLIP (Liang et al. 2022), so that each
    has its own way."""

    def __init__(self, config: AdapterConfig) -> None:
        super().__init__()
        self.config = config
        self.from_image, self.from_text = _way(config), _way(config)

    def image(self, features: Float[Tensor, "B F"]) -> Float[Tensor, "B Z"]:
        """z of unit feature vectors of pictures."""
        return normalised(self.from_image(features).float())

    def text(self, features: Float[Tensor, "B F"]) -> Float[Tensor, "B Z"]:
        """z of unit feature vectors of sentences."""
        return normalised(self.from_text(features).float())

    def save(self, path: Path) -> None:
        """Write weights and sizes."""
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(self.state_dict(), path, {"config": json.dumps(asdict(self.config))})

    @classmethod
    def load(cls, path: Path) -> "Adapter":
        """Read what `save` wrote."""
        with safe_open(path, "pt") as stored:
            adapter = cls(AdapterConfig(**json.loads(stored.metadata()["config"])))
            adapter.load_state_dict({name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
        return adapter.eval().requires_grad_(False)


class ClipEncoder:
    """CLIP's two towers, frozen, and its tokenizer."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer

    @classmethod
    def load(cls, source: str | Path = DEFAULT) -> "ClipEncoder":
        """From a local folder, or by name from the cache of earlier downloads; nothing is fetched.

        Raises ClipError if it is not there.
        """
        try:
            from transformers import CLIPModel, CLIPTokenizer
        except ImportError as error:
            raise ClipError("CLIP needs the library transformers", "Install it: pip install transformers") from error
        try:
            model = CLIPModel.from_pretrained(source, local_files_only=True)
            tokenizer = CLIPTokenizer.from_pretrained(source, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ClipError(
                f"{source} holds no CLIP model, and none of that name was downloaded before",
                "Name a folder with config.json, model.safetensors and the tokenizer's files.",
            ) from error
        return cls(model, tokenizer)

    @property
    def features(self) -> int:
        """Numbers of CLIP's own joint space."""
        return int(self.model.config.projection_dim)

    @torch.no_grad()
    def image(self, portrait: Float[Tensor, "B 4 H W"]) -> Float[Tensor, "B F"]:
        """Unit vectors of portraits in [-1, 1], the person before grey with the matte as the fourth channel."""
        side = int(self.model.config.vision_config.image_size)
        picture = portrait[:, :3] / 2 + 0.5
        picture = functional.interpolate(picture, (side, side), mode="bicubic", antialias=True, align_corners=False)
        mean, deviation = (torch.tensor(values, device=picture.device)[:, None, None] for values in (MEAN, DEVIATION))
        seen = self.model.vision_model(pixel_values=(picture.clamp(0, 1) - mean) / deviation)
        return functional.normalize(self.model.visual_projection(seen.pooler_output), dim=1)

    @torch.no_grad()
    def text(self, sentences: list[str]) -> Float[Tensor, "B F"]:
        """Unit vectors of sentences; what is longer than CLIP reads is cut."""
        longest = int(self.model.config.text_config.max_position_embeddings)
        tokens = self.tokenizer(sentences, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        device = self.model.logit_scale.device
        read = self.model.text_model(
            input_ids=tokens["input_ids"].to(device), attention_mask=tokens["attention_mask"].to(device)
        )
        return functional.normalize(self.model.text_projection(read.pooler_output), dim=1)


class ClipEmbedding(nn.Module):
    """Stands in for `embedding.JointEmbedding`: what z suggests is asked of the own network, as before."""

    def __init__(self, encoder: ClipEncoder, adapter: Adapter, own: JointEmbedding) -> None:
        super().__init__()
        self.encoder, self.adapter, self.own = encoder, adapter, own
        self.clip = encoder.model  # so that it moves along with the rest

    def image(self, portrait: Float[Tensor, "B 4 H W"]) -> Float[Tensor, "B Z"]:
        """z, RMS 1, of portraits in [-1, 1] with their matte as the fourth channel."""
        return self.adapter.image(self.encoder.image(portrait))

    def text(self, sentences: list[str]) -> Float[Tensor, "B Z"]:
        """z, RMS 1, of sentences."""
        return self.adapter.text(self.encoder.text(sentences))

    def components(self, z: Float[Tensor, "B Z"]) -> Float[Tensor, "B K"]:
        """Principal components of the latent planes that z suggests, in their deviations."""
        return self.own.components(z)

    def attributes(self, z: Float[Tensor, "B Z"]) -> Mapping[str, Float[Tensor, "B N"]]:
        """Logits of each attribute's classes."""
        return self.own.attributes(z)


def _way(config: AdapterConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.LayerNorm(config.features), nn.Linear(config.features, config.width), nn.GELU(),
        nn.Linear(config.width, config.size),
    )  # fmt: skip
