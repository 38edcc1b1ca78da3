# SPDX-License-Identifier: GPL-3.0-or-later
"""What the papers' models are told of a person: features of a frozen autoencoder (RodinHD), or z (Rodin)."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..models.embedding import JointEmbedding
from ..models.portrait_vae import PortraitVAE
from ..models.unet import PlaneCondition
from .portraits import compose

See = Callable[[Tensor, torch.Generator | None], PlaneCondition]
"""Portraits [B, 4, S, S] as `PlaneSet.portraits` gives them, and a random state or None, to a condition."""


def by_autoencoder(vae: PortraitVAE) -> See:
    """Features at three scales and a drawn latent."""
    return lambda portraits, random: vae(portraits[:, :3], random)


def by_embedding(embedding: JointEmbedding) -> See:
    """z of the project's own space of portraits and sentences, where Rodin has CLIP's."""
    embedding = embedding.eval().requires_grad_(False)
    size = embedding.config.portrait.image_size

    @torch.no_grad()
    def see(portraits: Float[Tensor, "B 4 S S"], random: torch.Generator | None) -> PlaneCondition:
        small = functional.interpolate(portraits, (size, size), mode="area") / 2 + 0.5
        return PlaneCondition(z=embedding.image(compose(small[:, :3], small[:, 3:])))

    return see
