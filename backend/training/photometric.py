# SPDX-License-Identifier: GPL-3.0-or-later
"""Rendered rays against pictures, with gradients: a few samples around the place where each ray meets the surface.

Opacity is that of `geometry.rendering`: what passes is a logistic function of the least distance met so far (Wang et
al. 2021, NeuS), so a fit is trained for the very pictures that are made of it. The samples lie in a window around the
first crossing of the ray, or around its closest approach where it misses. The windows are found by a march without
gradients that strides over empty cells, and found anew for a fresh pool of rays now and then, because the surface
moves.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.crossing import find_surface
from ..geometry.fields import Field
from ..geometry.occupancy import Occupancy, occupancy
from .views import ViewSet

GRID_LIFE = 4
"""Refreshes for which one map of empty cells serves: its margins are wider than a surface moves in that time."""
CROWDING = 2.0
"""Power by which samples crowd in the middle of a window."""
STEEPEST = 15.0
"""Distances beyond so many betas are as good as infinite."""
FLATTEST = 0.25
"""Windows of grazing rays are at most 1 / FLATTEST times as long as those of rays that meet the surface upright."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotometricConfig:
    """How pictures teach."""

    rays: int = 1664
    """Rays per person and step."""
    samples: int = 10
    """Samples per ray, jittered within parts of the window that are shorter in its middle."""
    beta: float = 0.003
    """Softness of the surface, box units: a little more than the product renders 256 pixels with."""
    reach: float = 20.0
    """Half the window of an upright ray, in units of beta."""
    pool: int = 24_576
    """Rays whose windows are found at each refresh."""
    coverage_weight: float = 0.1
    """Weight of the squared error of coverage beside that of colour."""


@dataclass(frozen=True, slots=True)
class RayBatch:
    """Rays with their windows and what they should see."""

    origins: Float[Tensor, "*B M 3"]
    directions: Float[Tensor, "*B M 3"]
    centre: Float[Tensor, "*B M"]
    """Distance along the ray to the middle of its window."""
    half: Float[Tensor, "*B M"]
    """Half the length of the window."""
    rgb: Float[Tensor, "*B M 3"]
    alpha: Float[Tensor, "*B M"]

    @classmethod
    def stack(cls, batches: "list[RayBatch]") -> "RayBatch":
        """Batches of several people, a dimension in front."""
        return cls(*(torch.stack([getattr(batch, name) for batch in batches]) for name in cls.__slots__))


class RayPool:
    """The rays of one subject's views, and the windows of those that are in use."""

    def __init__(self, views: ViewSet, config: PhotometricConfig) -> None:
        self._views, self._config = views, config
        _, height, width = views.alpha.shape
        rays = views.cameras.rays(height, width)
        self._origins, self._directions = rays.origins.reshape(-1, 3), rays.directions.reshape(-1, 3)
        self._rgb, self._alpha = views.rgb.reshape(-1, 3), views.alpha.reshape(-1)
        self._live: RayBatch | None = None
        self._grid: Occupancy | None = None
        self._refreshed = 0

    def refresh(self, field: Field, random: torch.Generator) -> None:
        """Find the windows of other rays on the field as it is now; rays that see and meet nothing are left out."""
        config = self._config
        chosen = torch.randint(len(self._alpha), (min(config.pool, len(self._alpha)),), generator=random)
        chosen = chosen.to(self._alpha.device)
        origins, directions, alpha = self._origins[chosen], self._directions[chosen], self._alpha[chosen]
        if self._refreshed % GRID_LIFE == 0:
            self._grid = occupancy(field)
        self._refreshed += 1
        centre, distance, slope = find_surface(field, origins, directions, self._grid)
        window = config.reach * config.beta
        live = torch.isfinite(centre) & ((distance < window) | (alpha > 0.01))
        half = window / slope.clamp(FLATTEST, 1.0)
        self._live = RayBatch(origins[live], directions[live], centre[live], half[live],
                              self._rgb[chosen[live]], alpha[live])  # fmt: skip

    def draw(self, random: torch.Generator) -> RayBatch:
        """Rays of the pool, some more than once if it is small."""
        if self._live is None:
            raise RuntimeError("a pool is refreshed before rays are drawn from it")
        live = self._live
        if not len(live.alpha):
            raise RuntimeError("no ray of the views sees or meets the subject")
        index = torch.randint(len(live.alpha), (self._config.rays,), generator=random).to(live.alpha.device)
        return RayBatch(*(getattr(live, name)[index] for name in RayBatch.__slots__))


def window_points(batch: RayBatch, samples: int, random: torch.Generator) -> Float[Tensor, "*B M S 3"]:
    """Sample points of each ray, near to far, one at random in each part of its window, denser in the middle."""
    shape = (*batch.centre.shape, samples)
    jitter = torch.rand(shape, generator=random).to(batch.centre.device)
    part = (torch.arange(samples, device=batch.centre.device) + jitter) / samples * 2 - 1
    along = batch.centre[..., None] + part * part.abs() ** (CROWDING - 1) * batch.half[..., None]
    return batch.origins[..., None, :] + along[..., None] * batch.directions[..., None, :]


def composite(
    sdf: Float[Tensor, "*B S"], rgb: Float[Tensor, "*B S 3"], beta: float
) -> tuple[Float[Tensor, "*B 3"], Float[Tensor, "*B"]]:
    """Colour over white and coverage of samples from near to far."""
    # The clamp is where float32 has long said 0 or 1; without it tails become denormal, and those are slow.
    passing = torch.sigmoid((torch.cummin(sdf, -1).values / beta).clamp(-STEEPEST, STEEPEST))
    before = torch.cat([torch.ones_like(passing[..., :1]), passing[..., :-1]], -1)
    weights = before - passing
    alpha = weights.sum(-1)
    return (weights[..., None] * rgb).sum(-2) + (1 - alpha)[..., None], alpha


def photometric_loss(
    sdf: Float[Tensor, "*B M S"], rgb: Float[Tensor, "*B M S 3"], batch: RayBatch, config: PhotometricConfig
) -> Float[Tensor, ""]:
    """Mean squared error of colour, and of coverage by its weight, of the samples that `window_points` gave."""
    colour, coverage = composite(sdf, rgb, config.beta)
    error = (colour - batch.rgb).square().mean()
    return error + config.coverage_weight * (coverage - batch.alpha).square().mean()
