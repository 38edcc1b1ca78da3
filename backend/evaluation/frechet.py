# SPDX-License-Identifier: GPL-3.0-or-later
"""The Fréchet distance between sets of pictures (Heusel et al. 2017), in features of the project's own frozen encoder.

Its numbers compare models on the same pictures with each other; they are not those of Inception, and like all such
distances they fall with the number of pictures. `floor` says what two sets of the same kind come to.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..models.portrait_encoder import PortraitEncoder

BATCH = 32


@dataclass(frozen=True, slots=True)
class Gaussian:
    """What is left of a set of features."""

    mean: Float[np.ndarray, " D"]
    covariance: Float[np.ndarray, "D D"]
    count: int

    @classmethod
    def of(cls, features: Float[np.ndarray, "N D"]) -> "Gaussian":
        """Fit it. Raises ValueError for fewer than two."""
        if len(features) < 2:
            raise ValueError(f"a spread needs at least two pictures, got {len(features)}")
        values = features.astype(np.float64)
        return cls(values.mean(0), np.cov(values, rowvar=False).reshape(values.shape[1], -1), len(values))


def frechet(first: Gaussian, second: Gaussian) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), never below 0."""
    # The eigenvalues of C1 C2 are those of R C2 R, R the symmetric root of C1.
    values, vectors = np.linalg.eigh(first.covariance)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ second.covariance @ root).clip(0)).sum()
    spread = np.trace(first.covariance) + np.trace(second.covariance) - 2 * shared
    return float(max(np.square(first.mean - second.mean).sum() + spread, 0.0))


@torch.no_grad()
def features(eye: PortraitEncoder, pictures: Float[Tensor, "N C S S"]) -> Float[np.ndarray, "N D"]:
    """Means of the encoder's last maps over each picture in [-1, 1], three channels or with coverage; the side must be
    whole sixteenths."""
    covered = torch.cat([pictures, torch.ones_like(pictures[:, :1])], 1) if pictures.shape[1] == 3 else pictures
    return np.concatenate([eye.maps(part)[-1].mean((2, 3)).cpu().numpy() for part in covered.split(BATCH)])


def floor(features_of_one_kind: Float[np.ndarray, "N D"]) -> float:
    """The distance between two halves of a set, by turns: what half as many pictures cannot get below."""
    return frechet(Gaussian.of(features_of_one_kind[::2]), Gaussian.of(features_of_one_kind[1::2]))
