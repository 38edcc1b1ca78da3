# SPDX-License-Identifier: GPL-3.0-or-later
"""Where along a ray a volume is asked: one interface, and the samplers that know nothing of the scene beforehand.

`proposed.Proposed` learns where to ask, `guided.SdfGuided` lets the distance say it.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from .bins import inverse_distribution, levels, uniform
from .cameras import Rays
from .fields import TILE, PointValues, VolumeField
from .sdf import laplace_density


@dataclass(frozen=True, slots=True)
class Span:
    """The part of each ray that lies in a field's box."""

    near: Float[Tensor, " M"]
    """Distance at which the ray enters, 0 at least."""
    far: Float[Tensor, " M"]
    """Distance at which it leaves; equal to `near` where the ray misses the box."""


@dataclass(frozen=True, slots=True)
class RaySamples:
    """Samples of some rays, front to back."""

    depths: Float[Tensor, "M S"]
    """Distances along the ray."""
    deltas: Float[Tensor, "M S"]
    """Length that each sample stands for; 0 marks padding, which is never asked."""
    queries: int
    """Questions to the field for the whole bundle: those that chose the samples, and the samples themselves."""
    values: PointValues | None = None
    """What the field said at all `M * S` samples in a row, where the sampler knows it; without gradients."""


@runtime_checkable
class Sampler(Protocol):
    """Chooses samples; no gradient flows through the choice."""

    @property
    def whole_image(self) -> bool:
        """Whether the rays must be all pixels of one picture, row by row."""

    def sample(
        self,
        field: VolumeField,
        rays: Rays,
        span: Span,
        image_shape: tuple[int, int] | None,
        random: torch.Generator | None,
    ) -> RaySamples:
        """Samples of rays [M] within their spans; the same ones each time without `random`."""


def box_span(rays: Rays, extent: float) -> Span:
    """Where rays are in the box [-extent, extent]^3."""
    near, far = rays.span(extent)
    return Span(near, torch.maximum(far, near))


@dataclass(frozen=True, slots=True)
class Uniform:
    """Equal cells, asked in their middle."""

    count: int = 96
    """Samples per ray."""
    whole_image: bool = False

    def sample(
        self,
        field: VolumeField,
        rays: Rays,
        span: Span,
        image_shape: tuple[int, int] | None,
        random: torch.Generator | None,
    ) -> RaySamples:
        return _in_cells(span, self.count, None)


@dataclass(frozen=True, slots=True)
class Stratified:
    """Equal cells, asked anywhere in each; in their middle without a generator."""

    count: int = 96
    """Samples per ray."""
    whole_image: bool = False

    def sample(
        self,
        field: VolumeField,
        rays: Rays,
        span: Span,
        image_shape: tuple[int, int] | None,
        random: torch.Generator | None,
    ) -> RaySamples:
        return _in_cells(span, self.count, random)


@dataclass(frozen=True, slots=True)
class TwoPass:
    """Coarse samples, then as many where their weights say (Mildenhall et al. 2020; sizes and smoothing as EG3D)."""

    coarse: int = 48
    """Stratified samples of the first pass."""
    fine: int = 48
    """Samples of the second, drawn from the smoothed weights of the first."""
    stratified: bool = False
    """Whether the draws of the second pass are spread evenly over the distribution; EG3D draws them freely."""
    whole_image: bool = False

    def sample(
        self,
        field: VolumeField,
        rays: Rays,
        span: Span,
        image_shape: tuple[int, int] | None,
        random: torch.Generator | None,
    ) -> RaySamples:
        first = _in_cells(span, self.coarse, random)
        hit = span.far > span.near
        known = ask(field, rays, first.depths, hit)
        shape = first.depths.shape
        density = laplace_density(known.sdf, known.beta).reshape(shape)
        probability = smoothed(_weights(density, first.deltas))
        if random is None or self.stratified:
            level = levels(len(hit), self.fine, random, hit.device)
        else:
            level = uniform(torch.Size((len(hit), self.fine)), random, hit.device)
        length = (span.far - span.near)[:, None]
        drawn = span.near[:, None] + inverse_distribution(probability, level) * length / self.coarse
        depths, order = torch.cat([first.depths, drawn], 1).sort(-1)
        values = _merge(known, ask(field, rays, drawn, hit), self.coarse, order)
        deltas = torch.where(hit[:, None], _between(depths, span), 0.0)
        return RaySamples(depths, deltas, int(hit.sum()) * (self.coarse + self.fine), values)


def smoothed(weights: Float[Tensor, "M S"]) -> Float[Tensor, "M S"]:
    """Weights widened by the greater of each pair of neighbours, plus a little everywhere (EG3D, after Mip-NeRF)."""
    padded = torch.nn.functional.pad(weights[:, None], (1, 1))
    widened = torch.nn.functional.max_pool1d(padded, 2, 1)
    return torch.nn.functional.avg_pool1d(widened, 2, 1)[:, 0] + 0.01


@torch.no_grad()
def ask(field: VolumeField, rays: Rays, depths: Float[Tensor, "M S"], hit: Tensor) -> PointValues:
    """What the field says at distances along rays, `M * S` in a row, in tiles; far outside where a ray misses."""
    samples = depths.shape[1]
    points = (rays.origins[hit][:, None] + depths[hit][..., None] * rays.directions[hit][:, None]).reshape(-1, 3)
    sdf = torch.ones(len(depths), samples, device=points.device)
    rgb = torch.zeros(len(depths), samples, 3, device=points.device)
    beta = torch.full_like(sdf, 0.01)
    if len(points):
        tiles = [field.values(tile) for tile in points.split(TILE)]
        sdf[hit] = torch.cat([tile.sdf for tile in tiles]).reshape(-1, samples)
        rgb[hit] = torch.cat([tile.rgb for tile in tiles]).reshape(-1, samples, 3)
        beta[hit] = torch.cat([tile.beta for tile in tiles]).reshape(-1, samples)
    return PointValues(sdf.reshape(-1), rgb.reshape(-1, 3), beta.reshape(-1))


def _in_cells(span: Span, count: int, random: torch.Generator | None) -> RaySamples:
    length = (span.far - span.near)[:, None]
    depths = span.near[:, None] + length * levels(len(length), count, random, length.device)
    deltas = (length / count).expand_as(depths)
    return RaySamples(depths, deltas, int((length > 0).sum()) * count)


def _between(depths: Float[Tensor, "M S"], span: Span) -> Float[Tensor, "M S"]:
    # Cells meet half way between neighbours; the outermost reach the ends of the span. Two samples at one place share
    # a cell of length 0, which is no padding: 1e-9 keeps it asked.
    middle = (depths[:, 1:] + depths[:, :-1]) / 2
    edges = torch.cat([span.near[:, None], middle, span.far[:, None]], 1)
    return edges.diff(dim=-1).clamp_min(1e-9)


def _weights(density: Float[Tensor, "M S"], deltas: Float[Tensor, "M S"]) -> Float[Tensor, "M S"]:
    optical = density * deltas
    return torch.exp(optical - optical.cumsum(-1)) * -torch.expm1(-optical)


def _merge(first: PointValues, second: PointValues, first_count: int, order: Tensor) -> PointValues:
    rays = len(order)

    def merged(left: Tensor, right: Tensor) -> Tensor:
        joined = torch.cat([left.reshape(rays, first_count, -1), right.reshape(rays, -1, left[:1].numel())], 1)
        index = order[..., None].expand(-1, -1, joined.shape[-1])
        return joined.gather(1, index).reshape(-1, *left.shape[1:])

    return PointValues(merged(first.sdf, second.sdf), merged(first.rgb, second.rgb), merged(first.beta, second.beta))
