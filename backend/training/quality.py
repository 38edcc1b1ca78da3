# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a fitted field shows views that fitting has not seen."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.fields import Field
from ..geometry.occupancy import occupancy
from ..geometry.rendering import render
from .views import ViewSet

FINER = 2
"""Pictures are rendered so many times larger than the truth and averaged, as the truth is."""


def view_psnr(field: Field, views: ViewSet, every: int = 1) -> list[float]:
    """PSNR of each `every`-th view over white, dB."""
    grid = occupancy(field)
    values = []
    for index in range(0, len(views), every):
        picture = smooth_picture(field, views, index, grid)
        error = (picture - views.rgb[index].to(picture.device)).square().mean()
        values.append(-10 * math.log10(max(float(error), 1e-10)))
    return values


def mean_psnr(field: Field, views: ViewSet, every: int = 1) -> float:
    """Mean of `view_psnr`, dB."""
    values = view_psnr(field, views, every)
    return sum(values) / len(values)


def smooth_picture(field: Field, views: ViewSet, index: int, grid: object = None) -> Float[Tensor, "H W 3"]:
    """The field seen by one of the cameras, antialiased."""
    height, width = views.alpha.shape[1:]
    view = render(field, views.cameras[index], FINER * height, FINER * width, grid=grid)
    fine = torch.as_tensor(view.rgb).clamp(0, 1).reshape(height, FINER, width, FINER, 3)
    return fine.mean((1, 3))
