# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a picture shows a face: a logistic regression in the features of the frozen portrait encoder, learned on
studio people from all around."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..studio.dataset import make_shards
from ..studio.sittings import BUSTS, sitting_sample
from ..training.look_set import LookSet
from .base import Progress, Settings
from .styles import eye

PEOPLE, TINY_PEOPLE = 16, 5
SEES, SEES_NOT = 1.0, 2.1
"""Azimuths up to which a face is seen, and from which it is not, radians."""

LEAST_SHOWN = 0.1
"""Share of a picture that somebody must cover to be looked at."""


@dataclass(frozen=True, slots=True)
class FaceProbe:
    """Whether a picture shows a face."""

    weight: Float[Tensor, " C"]
    bias: Float[Tensor, ""]
    mean: Float[Tensor, " C"]
    deviation: Float[Tensor, " C"]
    accuracy: float
    """On views that it did not learn from."""

    def share(self, pictures: Float[Tensor, "N 4 S S"]) -> float:
        """Of the pictures over white, with coverage, that show one."""
        said = ((_features(pictures) - self.mean) / self.deviation) @ self.weight + self.bias
        there = pictures[:, 3].mean((1, 2)) > LEAST_SHOWN  # of nothing at all the features say nothing
        return float(((said > 0) & there).float().mean())


def learn_faces(settings: Settings, progress: Progress) -> FaceProbe:
    """Learn it from the busts of the run's sittings; the last fifth of the people is held out."""
    folder = sittings(settings, progress)
    busts, side = LookSet(folder), settings.pick(64, 16)
    pictures, labels, held = [], [], []
    for person in range(len(busts)):
        for view in range(BUSTS):
            seen, azimuth, _ = busts.whole(person, view, side)
            away = abs((azimuth + torch.pi) % (2 * torch.pi) - torch.pi)
            if SEES <= away <= SEES_NOT:
                continue
            pictures.append(torch.cat([seen.colour * seen.coverage + 1 - seen.coverage, seen.coverage]))
            labels.append(float(away < SEES))
            held.append(person >= 0.8 * len(busts))
    features, truth, apart = _features(torch.stack(pictures)), torch.tensor(labels), torch.tensor(held)
    mean, deviation = features[~apart].mean(0), features[~apart].std(0).clamp_min(1e-4)
    features = (features - mean) / deviation
    weight, bias = torch.zeros(features.shape[1], requires_grad=True), torch.zeros([], requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=60)

    def error() -> Tensor:
        optimiser.zero_grad()
        said = features[~apart] @ weight + bias
        loss = functional.binary_cross_entropy_with_logits(said, truth[~apart]) + 0.01 * weight.square().sum()
        loss.backward()
        return loss

    optimiser.step(error)
    said = (features[apart] @ weight + bias).detach() > 0
    right = float((said == (truth[apart] > 0.5)).float().mean()) if apart.any() else 0.0
    return FaceProbe(weight.detach(), bias.detach(), mean, deviation, right)


@torch.no_grad()
def _features(pictures: Float[Tensor, "N 4 S S"]) -> Float[Tensor, "N C"]:
    """Mean and greatest values of the encoder's coarsest map, upper half alone: shoulders have no face."""
    found = torch.cat([eye().maps(part * 2 - 1)[-1] for part in pictures.split(32)])
    upper = found[:, :, : max(found.shape[2] * 3 // 4, 1)]
    return torch.cat([upper.mean((2, 3)), upper.amax((2, 3))], 1)


def sittings(settings: Settings, progress: Progress) -> Path:
    """Folder of studio people with parts, made once for all claims of a run: half a minute for sixteen."""
    folder, count = settings.cache / "sittings", settings.pick(PEOPLE, TINY_PEOPLE)
    size = settings.pick(128, 32)
    sample = partial(sitting_sample, bust_size=size, head_size=size)
    for done, wanted in make_shards(range(count), settings.pack, folder, 1, sample, people=min(count, 16)):
        progress("making people", done / wanted)
    return folder
