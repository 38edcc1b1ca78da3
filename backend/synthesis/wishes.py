# SPDX-License-Identifier: GPL-3.0-or-later
"""What a condition asks for, as the networks take it: each portrait, sentence and seed one weighted wish."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..models.cascade import Cascade
from ..models.embedding import normalised
from ..models.latent_denoiser import IMAGE_Z, PORTRAIT, TEXT_Z, Seen
from ..studio.vocabulary import unknown_words
from .base import KINDS, Condition


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing that is wanted."""

    kind: str
    """One of `KINDS`."""
    weight: float
    seen: Seen
    z: Float[Tensor, "1 Z"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that is wanted of one avatar."""

    wishes: list[Wish]
    embedding: Float[Tensor, " Z"]
    """Their weighted mean in the space of portraits and sentences."""
    notes: tuple[str, ...]

    @property
    def leading(self) -> str:
        """The kind that counts most."""
        return max(self.wishes, key=lambda wish: wish.weight).kind


def wishes_of(condition: Condition, model: Cascade, device: torch.device) -> Wishes:
    """The wishes of a condition; a seed is one only if it is weighted or if there is nothing else."""
    given = {"portrait": condition.portrait is not None, "sentence": bool(condition.sentence)}
    given["seed"] = condition.weights.get("seed", 0) > 0 or not any(given.values())
    weights = {kind: float(condition.weights.get(kind, 1.0)) for kind in KINDS if given[kind]}
    weights = {kind: weight for kind, weight in weights.items() if weight > 0} or {"seed": 1.0}
    makers = {"portrait": _portrait, "sentence": _sentence, "seed": _seed}
    wishes = [Wish(kind, weight, *makers[kind](condition, model, device)) for kind, weight in weights.items()]
    total = sum(weights.values())
    mean = torch.stack([wish.z * (wish.weight / total) for wish in wishes]).sum(0)
    return Wishes(wishes, normalised(mean)[0], _notes(condition) if "sentence" in weights else ())


def portrait_input(condition: Condition, size: int, device: torch.device) -> Float[Tensor, "1 4 H W"]:
    """The encoders' input: the person before grey, with the matte as the fourth channel."""
    picture = torch.from_numpy(np.ascontiguousarray(condition.portrait)).permute(2, 0, 1).float() / 127.5 - 1
    matte = torch.ones_like(picture[:1])
    if condition.matte is not None:
        matte = torch.from_numpy(np.ascontiguousarray(condition.matte, np.float32))[None]
    joined = torch.cat([picture * matte, matte * 2 - 1])[None]
    return functional.interpolate(joined, (size, size), mode="area").to(device)


def _portrait(condition: Condition, model: Cascade, device: torch.device) -> tuple[Seen, Tensor]:
    picture = portrait_input(condition, model.config.base.portrait.image_size, device)
    angles = torch.tensor([condition.pose or (0.0, 0.0)])
    z = model.embedding.image(picture).float()
    kind = torch.full((1,), PORTRAIT, device=device)
    return model.base.see(kind, z, model.embedding.components(z).float(), picture, angles), z


def _sentence(condition: Condition, model: Cascade, device: torch.device) -> tuple[Seen, Tensor]:
    z = model.embedding.text([condition.sentence or ""]).float()
    kind = torch.full((1,), TEXT_Z, device=device)
    return model.base.see(kind, z, model.embedding.components(z).float()), z


def _seed(condition: Condition, model: Cascade, device: torch.device) -> tuple[Seen, Tensor]:
    z = model.prior.sample(1, torch.Generator().manual_seed(condition.seed)).to(device)
    kind = torch.full((1,), IMAGE_Z, device=device)
    return model.base.see(kind, z, model.embedding.components(z).float()), z


def _notes(condition: Condition) -> tuple[str, ...]:
    unknown = unknown_words(condition.sentence or "")
    if not unknown:
        return ()
    words = ", ".join(f'"{word}"' for word in unknown)
    return (f"not understood and left out: {words}",)
