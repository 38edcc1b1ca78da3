# SPDX-License-Identifier: GPL-3.0-or-later
"""A march that the signed distance guides, through a volume with a Laplace density.

Where the map of occupied cells is clear a ray strides without asking. Elsewhere it strides by the distance, less a
guard of some widths of the surface; within that guard it goes by a multiple of the width, until little light is left.
Between two samples the distance is taken to be linear, and the density is then integrated exactly: steps may be as long
as the surface is wide.
"""

from dataclasses import dataclass
from dataclasses import field as slot

import torch
from jaxtyping import Float
from torch import Tensor

from .cameras import Rays
from .fields import TILE, Field, PointValues, VolumeField
from .occupancy import Occupancy, occupancy
from .sampling import RaySamples, Span
from .sdf import laplace_density

MAX_STEPS = 6000
"""Bound on the steps of a ray that grazes the surface all along."""

SOLID = 10.0
"""Length of the sample that ends a ray within the body: far more than is needed for it to be opaque."""


@dataclass(slots=True)
class SdfGuided:
    """Few questions where there is nothing, many where the surface is."""

    fine: float = 2.0
    """Step within the guard, in widths of the surface."""
    guard: float = 4.0
    """How many widths of the surface the density reaches."""
    caution: float = 0.95
    """Share of the distance that a stride outside the guard takes; a fitted distance is not exact."""
    opaque: float = 0.01
    """A ray ends when less light than this is left."""
    grid: Occupancy | None = None
    """The map of the field; made on first use otherwise, and kept for that field."""
    whole_image: bool = False
    _known: tuple[Field, Occupancy] | None = slot(default=None, init=False, repr=False)

    def map_of(self, field: Field) -> Occupancy:
        """The map of occupied cells of a field."""
        if self.grid is not None:
            return self.grid
        if self._known is None or self._known[0] is not field:
            self._known = (field, occupancy(field))
        return self._known[1]

    @torch.no_grad()
    def sample(
        self,
        field: VolumeField,
        rays: Rays,
        span: Span,
        image_shape: tuple[int, int] | None,
        random: torch.Generator | None,
    ) -> RaySamples:
        """Samples of a march; `random` shifts where each ray starts by up to a step."""
        grid = self.map_of(field)
        clear = grid.clear.reshape(-1)
        ray = torch.nonzero(span.far > span.near)[:, 0]
        t, far = span.near[ray] + 1e-4, span.far[ray]
        if random is not None:
            t = t + 1e-2 * torch.rand(t.shape, generator=random, device=random.device).to(t)
        last_t, last_sdf, last_density = t.clone(), torch.full_like(t, torch.nan), torch.zeros_like(t)
        optical = torch.zeros_like(t)
        log = _Log(len(span.near), t.device)
        for _ in range(MAX_STEPS):
            if not len(ray):
                break
            points = rays.origins[ray] + t[:, None] * rays.directions[ray]
            stride = clear[grid.cells(points)]
            last_sdf[stride > 0] = torch.nan
            last_density[stride > 0] = 0
            near = torch.nonzero(stride == 0)[:, 0]
            if len(near):
                tiles = [field.values(tile) for tile in points[near].split(TILE)]
                sdf, rgb, beta = (torch.cat([getattr(tile, n) for tile in tiles]) for n in ("sdf", "rgb", "beta"))
                density = laplace_density(sdf, beta)
                length = t[near] - last_t[near]
                # After a stride through clear space the ray is taken to have come straight towards the surface.
                before = torch.where(last_sdf[near].isnan(), sdf + length, last_sdf[near])
                mean = mean_density(before, sdf, beta)
                half = length * mean / (density + last_density[near]).clamp_min(1e-20)
                optical[near] += length * mean
                log.add(ray[near], t[near], half, sdf, rgb, beta)
                stride[near] = torch.maximum(self.caution * (sdf - self.guard * beta), self.fine * beta)
                last_t[near], last_sdf[near], last_density[near] = t[near], sdf, density
            inside, dark = t < far, torch.exp(-optical) < self.opaque
            log.close(ray[dark])
            t = torch.minimum(t + stride, far)  # the last sample of a ray lies where it leaves the box
            alive = torch.nonzero(inside & ~dark)[:, 0]
            if len(alive) < len(ray):
                ray, t, far, optical = ray[alive], t[alive], far[alive], optical[alive]
                last_t, last_sdf, last_density = last_t[alive], last_sdf[alive], last_density[alive]
        return log.samples()


def mean_density(
    first: Float[Tensor, " N"], second: Float[Tensor, " N"], beta: Float[Tensor, " N"]
) -> Float[Tensor, " N"]:
    """Mean Laplace density over a step on which the distance goes linearly from `first` to `second`."""
    rise = second - first
    # With distances that hardly differ the quotient loses its digits; the density in the middle is exact enough.
    flat = rise.abs() < 1e-2 * beta
    quotient = (_integral(second, beta) - _integral(first, beta)) / torch.where(flat, 1.0, rise)
    return torch.where(flat, laplace_density((first + second) / 2, beta), quotient)


def _integral(sdf: Float[Tensor, " N"], beta: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    return sdf.clamp_max(0) / beta - torch.exp(-sdf.abs() / beta) / 2


class _Log:
    """What a march met, step by step; one sample per ray and step at most."""

    def __init__(self, rays: int, device: torch.device) -> None:
        self.count = torch.zeros(rays, dtype=torch.long, device=device)
        self.steps: list[tuple[Tensor, ...]] = []
        self.solid = torch.zeros(rays, dtype=torch.bool, device=device)

    def add(self, ray: Tensor, t: Tensor, half: Tensor, sdf: Tensor, rgb: Tensor, beta: Tensor) -> None:
        """One sample for each of some rays; `half` is its part of the step that led to it."""
        self.steps.append((ray, self.count[ray], t, half, sdf, rgb, beta))
        self.count[ray] += 1

    def close(self, ray: Tensor) -> None:
        """Rays that end within the body: their last sample takes what light is left, or the background shines in."""
        self.solid[ray] = True

    def samples(self) -> RaySamples:
        """All of them, front to back, padded."""
        rays, device = len(self.count), self.count.device
        shape = (rays, int(self.count.max()) if rays else 0)
        depths, halves, sdf = (torch.zeros(shape, device=device) for _ in range(3))
        beta, rgb = torch.ones(shape, device=device), torch.zeros(*shape, 3, device=device)
        for ray, column, *said in self.steps:
            for whole, part in zip((depths, halves, sdf, rgb, beta), said, strict=True):
                whole[ray, column] = part
        # A step's length goes in equal halves to both its ends, so that density times length is what it integrates to.
        deltas = halves + torch.cat([halves[:, 1:], torch.zeros_like(halves[:, :1])], 1)
        real = torch.arange(shape[1], device=device) < self.count[:, None]
        deltas = torch.where(real, deltas.clamp_min(1e-9), 0.0)
        ended = torch.nonzero(self.solid)[:, 0]
        deltas[ended, self.count[ended] - 1] = SOLID
        values = PointValues(sdf.reshape(-1), rgb.reshape(-1, 3), beta.reshape(-1))
        return RaySamples(depths, deltas, int(self.count.sum()), values)
