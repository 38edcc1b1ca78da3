# SPDX-License-Identifier: GPL-3.0-or-later
"""What a condition asks for, as the networks take it: each portrait, sentence and seed one weighted wish."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..models.embedding import JointEmbedding, normalised
from ..models.latent_denoiser import IMAGE_Z, PORTRAIT, Seen
from ..models.prior import Drawn
from ..models.text_encoder import unknown_words
from ..studio.attributes import CLASSES
from ..weights.cascade import Cascade
from .base import KINDS, Condition
from .edits import edit_sentences, unknown_edit_words

SENTENCE_GUIDANCE = 1.5
"""How much farther than its people on average the drawn one goes towards a sentence: skin is then as dark as was asked
for in 93 % of held-out captions. Chosen on the prior over z alone, where 1 was too pale and 2 too dark."""


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
    return Wishes(
        wishes, normalised(mean)[0], _unknown(unknown_words(condition.sentence or "")) if "sentence" in weights else ()
    )


def changed_embedding(
    embedding: JointEmbedding, z: Float[Tensor, "1 Z"], sentence: str
) -> tuple[Float[Tensor, "1 Z"], tuple[str, ...]]:
    """Where z moves when a sentence changes the person, and what was not understood.

    Raises EditError if the sentence names nothing that can be changed.
    """
    said = {name: int(logits[0].argmax()) for name, logits in embedding.attributes(z).items()}
    known = {name: CLASSES[name][index] for name, index in said.items() if name in CLASSES}
    before, after = embedding.text(list(edit_sentences(sentence, known))).float()
    return normalised(z + (after - before)), _unknown(unknown_edit_words(sentence))


def suggested(model: Cascade, z: Float[Tensor, "1 Z"]) -> Seen:
    """A place in the space of portraits and sentences as a condition."""
    kind = torch.full((len(z),), IMAGE_Z, device=z.device)
    return model.base.see(kind, z, model.embedding.components(z).float())


def stack(seen: list[Seen]) -> Seen:
    """Conditions as one batch."""
    return Seen(*(torch.cat([getattr(each, name) for each in seen]) for name in Seen.__slots__))


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
    """One of the many people whom the sentence fits, by the seed (the prior of Ramesh et al. 2022, section 2.2)."""
    told = model.embedding.text([condition.sentence or ""]).float()
    return person_seen(model, model.prior.sample(_noise(condition, model, device), told, guidance=SENTENCE_GUIDANCE))


def _seed(condition: Condition, model: Cascade, device: torch.device) -> tuple[Seen, Tensor]:
    return person_seen(model, model.prior.sample(_noise(condition, model, device)))


def person_seen(model: Cascade, drawn: Drawn) -> tuple[Seen, Tensor]:
    """A drawn person as a condition that leaves nothing of the components open."""
    kind = torch.full((len(drawn.z),), IMAGE_Z, device=drawn.z.device)
    seen = model.base.see(kind, drawn.z, drawn.components)
    return replace(seen, doubt=torch.zeros_like(seen.doubt)), drawn.z


def _noise(condition: Condition, model: Cascade, device: torch.device) -> Tensor:
    draw = torch.Generator().manual_seed(condition.seed)
    scale = 1.0 if condition.temperature is None else condition.temperature
    return scale * torch.randn((1, model.config.prior.size), generator=draw).to(device)


def _unknown(words: list[str]) -> tuple[str, ...]:
    if not words:
        return ()
    return (f"not understood and left out: {', '.join(words)}",)
