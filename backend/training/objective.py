# SPDX-License-Identifier: GPL-3.0-or-later
"""What planes and decoder are fitted to: pictures, point samples of the mesh, or both, and how smooth planes should be.

Subjects are fitted several at once on a device with room for it: planes and samples carry a batch dimension.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.fields import TriplaneField
from ..geometry.triplane import Triplane
from ..models.decoder import FieldDecoder
from .losses import total_variation
from .photometric import PhotometricConfig, RayBatch, RayPool, photometric_loss, window_points
from .views import ViewSet

Supervision = Literal["views", "points", "both"]
POINT_ARRAYS = ("points", "sdf", "surface", "colour")
"""What a subject's point supervision holds; see `studio.points.PointSamples`."""
NEAR = 0.03
"""Distances below this weigh `NEAR_WEIGHT` times as much."""
NEAR_WEIGHT = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveConfig:
    """Terms of the loss and their weights."""

    supervision: Supervision = "both"
    photometric: PhotometricConfig = field(default_factory=PhotometricConfig)
    refresh_every: int = 25
    """Steps after which rays are drawn from a fresh pool."""
    points: int = 2000
    """Distance samples per person and step."""
    surface_points: int = 1000
    """Colour samples per person and step."""
    picture_weight: float = 20.0
    sdf_weight: float = 0.5
    colour_weight: float = 0.05
    variation_weight: float = 0.002
    """Of the planes' squared total variation."""
    l1_weight: float = 0.0
    l2_weight: float = 0.0


class Subject:
    """One person's supervision in memory, on the device of the fit."""

    def __init__(
        self, config: ObjectiveConfig, views: ViewSet | None, points: dict[str, np.ndarray] | None, device: torch.device
    ) -> None:
        if config.supervision != "points" and views is None:
            raise ValueError(f"supervision {config.supervision!r} needs views")
        if config.supervision != "views" and points is None:
            raise ValueError(f"supervision {config.supervision!r} needs point samples")
        self.pool = None
        if config.supervision != "points" and views is not None:
            self.pool = RayPool(views.to(device), config.photometric)
        self.points: dict[str, Tensor] = {}
        if config.supervision != "views" and points is not None:
            self.points = {name: torch.from_numpy(points[name]).to(device) for name in POINT_ARRAYS}

    def refresh(self, planes: Float[Tensor, "3 C R R"], decoder: FieldDecoder, random: torch.Generator) -> None:
        """Follow the surface as the planes have it now; nothing to do without views."""
        if self.pool is not None:
            self.pool.refresh(TriplaneField(Triplane(planes[None]), decoder), random)

    def rows(self, names: tuple[str, str], count: int, random: torch.Generator) -> list[Tensor]:
        """Matching random rows of two of the point arrays."""
        arrays = [self.points[name] for name in names]
        index = torch.randint(len(arrays[0]), (count,), generator=random).to(arrays[0].device)
        return [array[index].float() for array in arrays]


def losses(
    planes: Float[Tensor, "B 3 C R R"],
    decoder: FieldDecoder,
    subjects: list[Subject],
    config: ObjectiveConfig,
    random: torch.Generator,
) -> dict[str, Tensor]:
    """Weighted terms, each a mean over the subjects; their sum is what a step descends."""
    asked: list[Tensor] = []
    rays = windows = None
    if config.supervision != "points":
        rays = RayBatch.stack([subject.pool.draw(random) for subject in subjects])
        windows = window_points(rays, config.photometric.samples, random)
        asked.append(windows.flatten(1, 2))
    if config.supervision != "views":
        near = [subject.rows(("points", "sdf"), config.points, random) for subject in subjects]
        coloured = [subject.rows(("surface", "colour"), config.surface_points, random) for subject in subjects]
        asked += [torch.stack([rows[0] for rows in near]), torch.stack([rows[0] for rows in coloured])]
    sdf, rgb = decoder(Triplane(planes).sample(torch.cat(asked, 1)))
    sizes = [part.shape[1] for part in asked]
    distances, colours = list(sdf.split(sizes, 1)), list(rgb.split(sizes, 1))
    terms: dict[str, Tensor] = {}
    if rays is not None and windows is not None:
        shape = windows.shape[:-1]
        picture = photometric_loss(
            distances.pop(0).reshape(shape), colours.pop(0).reshape(windows.shape), rays, config.photometric
        )
        terms["picture"] = config.picture_weight * picture
    if config.supervision != "views":
        target = torch.stack([rows[1] for rows in near])
        albedo = torch.stack([rows[1] for rows in coloured]) / 255
        weight = torch.where(target.abs() < NEAR, NEAR_WEIGHT, 1.0)
        terms["sdf"] = config.sdf_weight * (weight * (distances[0] - target).abs()).mean()
        terms["colour"] = config.colour_weight * (colours[1] - albedo).abs().mean()
    return terms | smoothness(planes, config)


def smoothness(planes: Float[Tensor, "B 3 C R R"], config: ObjectiveConfig) -> dict[str, Tensor]:
    """Regularisers of planes; terms of weight 0 are left out."""
    terms = {}
    if config.variation_weight:
        terms["variation"] = config.variation_weight * total_variation(planes)
    if config.l1_weight:
        terms["l1"] = config.l1_weight * planes.abs().mean()
    if config.l2_weight:
        terms["l2"] = config.l2_weight * planes.square().mean()
    return terms
