# SPDX-License-Identifier: GPL-3.0-or-later
"""Codes of the people in pictures, for a generator that first learns to show them again.

What a frozen portrait encoder sees of a subject's pictures, less what their cameras explain, becomes principal
components that are each made normal: whoever is drawn from N(0, 1) afterwards lies among them. The code of a subject
plays the part of the latent that LOLNeRF (Rebain et al. 2022) optimises, and costs one look instead.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..models.portrait_encoder import PortraitEncoder

LOOKS = 64
"""Subjects that are encoded at a time."""
TOGETHER = 2
"""Cells a side in which the encoder's last maps are averaged."""


class Likenesses(Protocol):
    """Pictures that tell who a subject is."""

    @property
    def subjects(self) -> int:
        """How many there are, mirror images counted as others."""

    def likenesses(self, first: int, last: int, side: int) -> tuple[Float[Tensor, "B P 4 S S"], Float[Tensor, "B P 3"]]:
        """For each subject some pictures as the encoder takes them, and the direction that each was taken from."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Latents of all subjects."""

    z: Float[Tensor, "N Z"]
    """Over all subjects every number is normal with mean 0 and deviation 1."""
    weight: Float[Tensor, " Z"]
    """How much of the encoder's features each number stands for: deviations, their mean square being 1."""


@torch.no_grad()
def subject_codes(source: Likenesses, eye: PortraitEncoder, size: int) -> Codes:
    """A latent for each subject, the most telling numbers first.

    Raises ValueError if there are no more subjects than numbers.
    """
    if source.subjects <= size:
        raise ValueError(f"{size} numbers cannot be told from {source.subjects} subjects; make codes shorter")
    eye = eye.eval()
    features = towards = torch.empty(0)
    for first in range(0, source.subjects, LOOKS):
        last = min(first + LOOKS, source.subjects)
        pictures, directions = source.likenesses(first, last, _side(eye))
        seen = _look(eye, pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2])
        if not first:  # at once: small blocks that stay between large ones that go tear the memory apart
            features = seen.new_empty(source.subjects, *seen.shape[1:])
            towards = directions.new_empty(source.subjects, *directions.shape[1:])
        features[first:last], towards[first:last] = seen, directions
    found = principal(_without_camera(features, towards).mean(1), size)
    deviation = found.std(0)
    return Codes(normal_scores(found), deviation / deviation.square().mean().sqrt())


def principal(features: Float[Tensor, "N D"], size: int) -> Float[Tensor, "N Z"]:
    """The coordinates of standardised features along the directions of their greatest variance."""
    scaled = (features - features.mean(0)) / features.std(0).clamp_min(1e-6)
    rotation = torch.linalg.svd(scaled, full_matrices=False).Vh[:size]
    # The sign of a direction is chance: the largest share of each is made positive.
    sign = rotation.gather(1, rotation.abs().argmax(1, keepdim=True)).sign()
    return scaled @ (rotation * sign).T


def normal_scores(values: Float[Tensor, "N Z"]) -> Float[Tensor, "N Z"]:
    """Each column's ranks as quantiles of the normal distribution (van der Waerden)."""
    rank = values.argsort(0).argsort(0).float()
    return torch.special.ndtri((rank + 0.5) / len(values))


def _side(eye: PortraitEncoder) -> int:
    return 16 * round((eye.coarse_place.shape[0]) ** 0.5)


def _look(eye: PortraitEncoder, pictures: Float[Tensor, "B 4 S S"]) -> Float[Tensor, "B D"]:
    """The encoder's vector, and where in the picture its last maps say what."""
    last = eye.maps(pictures)[-1]
    whole = eye.whole(eye.squeeze(last.permute(0, 2, 3, 1).flatten(1, 2)).flatten(1))
    return torch.cat([whole, functional.adaptive_avg_pool2d(last, TOGETHER).flatten(1)], 1).float()


def _without_camera(features: Float[Tensor, "N P D"], towards: Float[Tensor, "N P 3"]) -> Float[Tensor, "N P D"]:
    """What a quadratic function of the direction does not explain."""
    x, y, z = towards.flatten(0, 1).double().unbind(1)
    known = torch.stack([torch.ones_like(x), x, y, z, x * y, x * z, y * z, x * x, y * y], 1)
    flat = features.flatten(0, 1).double()
    # Directions that hardly vary make some of these columns alike: the least-norm solution needs no special case.
    explained = known @ (torch.linalg.pinv(known) @ flat)
    return (flat - explained).float().unflatten(0, features.shape[:2])
