# SPDX-License-Identifier: GPL-3.0-or-later
"""That people stay as different from each other as they were: the relative distance loss of DiffusionGAN3D.

A sentence has one likeliest picture, and score distillation drives everybody there. Here the distances between the
planes of a batch's people are compared with those that the generator had before: the style may shift all of them at
once, but not draw them together.
"""

import torch
from jaxtyping import Float
from torch import Tensor

FLOOR = 0.1
"""Of the mean squared distance: where two people hardly differ, a ratio of distances is noise. The published 1e-8 lets
empty corners of the planes decide."""


def relative_distance_loss(now: Float[Tensor, "B *P C R V"], before: Float[Tensor, "B *P C R V"]) -> Float[Tensor, ""]:
    """mean |  ||T'_i - T'_j||² / ||T_i - T_j||² - 1 |, norms over channels, mean over places and pairs of the batch
    (Lei et al. 2023, relative distance loss; the reduction is that of an independent implementation)."""
    ours, theirs = _squared(now), _squared(before.detach())
    floor = FLOOR * theirs.mean((-2, -1), keepdim=True) + 1e-8
    return ((ours + floor) / (theirs + floor) - 1).abs().mean()


@torch.no_grad()
def diversity_ratio(now: Float[Tensor, "B *P C R V"], before: Float[Tensor, "B *P C R V"]) -> float:
    """E[dT' / dT]: the mean over pairs of people of how far apart their planes are, over how far they were."""
    first, second = _pairs(len(now))
    apart = [(planes[first] - planes[second]).flatten(1).norm(dim=1) for planes in (now, before)]
    return float((apart[0] / apart[1].clamp_min(1e-12)).mean())


def _squared(planes: Tensor) -> Tensor:
    first, second = _pairs(len(planes))
    return (planes[first] - planes[second]).square().sum(-3)


def _pairs(count: int) -> tuple[Tensor, Tensor]:
    first, second = torch.triu_indices(count, count, 1)
    return first, second
