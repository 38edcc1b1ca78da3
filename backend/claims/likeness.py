# SPDX-License-Identifier: GPL-3.0-or-later
"""How pictures that generators make are judged: errors of features, and the distance between two crowds of them."""

import torch
from jaxtyping import Float, Float64
from torch import Tensor
from torch.nn import functional

from ..training.render_loss import Features, encoder_features, perceptual
from ..weights import store

SIDE = 64
"""Pictures are enlarged to this: the features have seen faces of that size."""


def shipped_features() -> Features:
    """Maps inside the portrait encoder that the project ships, frozen."""
    return encoder_features(store.load().embedding.portrait_encoder)


@torch.inference_mode()
def feature_error(features: Features, pictures: Float[Tensor, "N 3 H W"], truth: Float[Tensor, "N 3 H W"]) -> float:
    """Squared distance of unit features, summed over the maps: the place of LPIPS, whose weights cannot be had here."""
    return float(perceptual(features, _enlarged(pictures), _enlarged(truth)))


def psnr(pictures: Float[Tensor, "N 3 H W"], truth: Float[Tensor, "N 3 H W"]) -> float:
    """Mean over pictures, dB."""
    error = (pictures - truth).square().mean((1, 2, 3)).clamp(min=1e-10)
    return float((-10 * error.log10()).mean())


@torch.inference_mode()
def signature(features: Features, pictures: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N D"]:
    """Each picture as the means of its feature maps, scale by scale."""
    return torch.cat([each.mean((2, 3)) for each in features(_enlarged(pictures))], 1)


def frechet(first: Float[Tensor, "N D"], second: Float[Tensor, "M D"], components: int = 16) -> float:
    """Fréchet distance of two crowds (Heusel et al. 2017, eq. 6) along the principal components of the second, each
    scaled to its deviation: small crowds say nothing of more."""
    first, second = first.double(), second.double()
    centre = second.mean(0)
    _, spread, axes = torch.linalg.svd(second - centre, full_matrices=False)
    kept = min(components, second.shape[1], len(second) - 2)
    scale = spread[:kept] / len(second) ** 0.5
    a, b = (((some - centre) @ axes[:kept].T) / scale.clamp(min=1e-12) for some in (first, second))
    covariances = torch.cov(a.T).reshape(kept, kept), torch.cov(b.T).reshape(kept, kept)
    return float((a.mean(0) - b.mean(0)).square().sum() + _covariance_distance(*covariances))


def _covariance_distance(first: Float64[Tensor, "K K"], second: Float64[Tensor, "K K"]) -> Float64[Tensor, ""]:
    """trace(A + B - 2 (A B)^(1/2)), by the eigenvalues of B^(1/2) A B^(1/2)."""
    values, vectors = torch.linalg.eigh(second)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    middle = torch.linalg.eigvalsh(root @ first @ root).clamp(min=0).sqrt().sum()
    return first.trace() + second.trace() - 2 * middle


def _enlarged(pictures: Tensor) -> Tensor:
    return functional.interpolate(pictures.float(), (SIDE, SIDE), mode="bilinear", align_corners=False)
