# SPDX-License-Identifier: GPL-3.0-or-later
"""Volume rendering of plain densities, as other systems do it, so that their networks see what they were trained with.

`two_pass` is EG3D's (Chan et al. 2022, section 4.3 and its code): stratified samples, as many again where their weights
say, midpoints composited. `one_pass` is TripoSR's: midpoints of equal parts of the ray within the box. Our own fields
are rendered by `rendering` and `volume`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from .cameras import Rays

Medium = Callable[[Float[Tensor, "B N 3"]], tuple[Float[Tensor, "B N C"], Float[Tensor, "B N 1"]]]
"""Colours (or features) and raw density at points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPassConfig:
    """Where EG3D's renderer asks along a ray."""

    near: float | None = 2.25
    """Distance at which rays begin; None with `far` None: where they meet the box."""
    far: float | None = 3.3
    coarse: int = 48
    """Stratified samples a ray."""
    fine: int = 48
    """Samples of the second pass; 0 leaves it out."""
    disparity: bool = False
    """Whether samples are spread evenly in 1/distance."""
    white: bool = False
    """Whether what passes falls on white."""
    crop: float | None = None
    """Nothing is seen closer than this to the four upright faces of the box (PanoHead's rendering: 0.1)."""


@dataclass(frozen=True, slots=True)
class Emission:
    """What rays see."""

    colour: Float[Tensor, "B M C"]
    depth: Float[Tensor, "B M 1"]
    """Mean distance along the ray."""
    alpha: Float[Tensor, "B M 1"]
    """Coverage."""


def two_pass(
    medium: Medium, rays: Rays, half: float, config: TwoPassConfig, random: torch.Generator | None = None
) -> Emission:
    """Rays [B, M] through a medium in the box [-half, half]^3; density is softplus(raw - 1).

    Draws two blocks of numbers: one for the stratified samples, one for the second pass.
    """
    depths = _stratified(rays, half, config, random)
    colour, raw = _ask(medium, rays, depths, half, config)
    if config.fine:
        weights = _composite(colour, raw, depths, config.white)[1]
        more = _by_weights(depths, weights, config.fine, random)
        colour_more, raw_more = _ask(medium, rays, more, half, config)
        depths, order = torch.cat([depths, more], 2).sort(2)
        colour = torch.cat([colour, colour_more], 2)
        colour = colour.gather(2, order.expand(-1, -1, -1, colour.shape[-1]))
        raw = torch.cat([raw, raw_more], 2).gather(2, order)
    return _composite(colour, raw, depths, config.white)[0]


def one_pass(
    medium: Medium, rays: Rays, half: float, samples: int, density: Callable[[Tensor], Tensor]
) -> tuple[Float[Tensor, "M C"], Float[Tensor, " M"]]:
    """Colour over white and coverage of rays [M]; the optical length of a ray within the box counts as 1.

    `density` activates the raw values.
    """
    # A little less than the box, and lengths above a hundredth, as the weights have always been rendered.
    enter, leave = _meets(rays.origins, rays.directions, half * (1 - 1e-3), 1e-6)
    enter = enter.clamp_min(0)
    hit = leave - enter > 0.01
    colour = torch.zeros_like(rays.origins)
    alpha = torch.zeros_like(enter)
    if not bool(hit.any()):
        return colour + 1, alpha
    middle = (torch.arange(samples, device=enter.device) + 0.5) / samples
    depths = enter[hit, None] * (1 - middle) + leave[hit, None] * middle
    points = rays.origins[hit, None] + depths[..., None] * rays.directions[hit, None]
    rgb, raw = medium(points.reshape(1, -1, 3))
    opaque = 1 - torch.exp(-density(raw.reshape(depths.shape)) / samples)
    passing = torch.cumprod(torch.cat([torch.ones_like(opaque[:, :1]), 1 - opaque[:, :-1] + 1e-10], 1), 1)
    weights = opaque * passing
    colour[hit] = (weights[..., None] * rgb.reshape(*depths.shape, -1)).sum(1)
    alpha[hit] = weights.sum(1)
    return colour + (1 - alpha)[:, None], alpha


def _ask(
    medium: Medium, rays: Rays, depths: Float[Tensor, "B M S 1"], half: float, config: TwoPassConfig
) -> tuple[Float[Tensor, "B M S C"], Float[Tensor, "B M S 1"]]:
    batch, count, samples, _ = depths.shape
    points = rays.origins[:, :, None] + depths * rays.directions[:, :, None]
    flat = points.reshape(batch, -1, 3)
    colour, raw = medium(flat)
    if config.crop is not None:
        outside = (flat[..., (0, 2)].abs() > half - config.crop).any(-1, keepdim=True)
        raw = raw.masked_fill(outside, -1e3)
    return colour.reshape(batch, count, samples, -1), raw.reshape(batch, count, samples, 1)


def _stratified(
    rays: Rays, half: float, config: TwoPassConfig, random: torch.Generator | None
) -> Float[Tensor, "B M S 1"]:
    batch, count, _ = rays.origins.shape
    device, steps = rays.origins.device, config.coarse
    near: Tensor | float
    far: Tensor | float
    if config.near is None or config.far is None:
        enter, leave = _meets(rays.origins, rays.directions, half, 0.0)
        hit = leave > enter
        near = torch.where(hit, enter, enter[hit].min() if hit.any() else 0.0)[..., None, None]
        # Rays that miss the box get a span all the same; EG3D ends it at the greatest entry.
        far = torch.where(hit, leave, enter[hit].max() if hit.any() else 1.0)[..., None, None]
    else:
        near, far = config.near, config.far
    even = torch.linspace(0, 1, steps, device=device)[None, None, :, None].expand(batch, count, -1, -1)
    if isinstance(near, Tensor):  # drawn in the order in which EG3D's memory lies there
        drawn = _uniform((steps, batch, count, 1), random, device).permute(1, 2, 0, 3)
    else:
        drawn = _uniform((batch, count, steps, 1), random, device)
    jitter = drawn / (steps - 1)
    if config.disparity:
        return 1 / (1 / near * (1 - even - jitter) + 1 / far * (even + jitter))
    return near + (even + jitter) * (far - near)


def _composite(
    colour: Float[Tensor, "B M S C"], raw: Float[Tensor, "B M S 1"], depths: Float[Tensor, "B M S 1"], white: bool
) -> tuple[Emission, Float[Tensor, "B M T 1"]]:
    """What is seen, and the weight of each interval between two samples."""

    def middle(values: Tensor) -> Tensor:
        return (values[:, :, 1:] + values[:, :, :-1]) / 2

    opaque = 1 - torch.exp(-functional.softplus(middle(raw) - 1) * depths.diff(dim=2))
    passing = torch.cumprod(torch.cat([torch.ones_like(opaque[:, :, :1]), 1 - opaque + 1e-10], 2), 2)[:, :, :-1]
    weights = opaque * passing
    alpha = weights.sum(2)
    seen = (weights * middle(colour)).sum(2)
    depth = ((weights * middle(depths)).sum(2) / alpha).nan_to_num(float("inf"))
    depth = depth.clamp(float(depths.min()), float(depths.max()))
    return Emission(seen + (1 - alpha) if white else seen, depth, alpha), weights


@torch.no_grad()
def _by_weights(
    depths: Float[Tensor, "B M S 1"], weights: Float[Tensor, "B M T 1"], fine: int, random: torch.Generator | None
) -> Float[Tensor, "B M F 1"]:
    batch, count, samples, _ = depths.shape
    rays = batch * count
    places, w = depths.reshape(rays, samples), weights.reshape(rays, 1, -1)
    wide = functional.avg_pool1d(functional.max_pool1d(w, 2, 1, padding=1), 2, 1)[:, 0] + 0.01
    edges = (places[:, 1:] + places[:, :-1]) / 2
    inner = wide[:, 1:-1] + 1e-5
    share = torch.cumsum(inner / inner.sum(-1, keepdim=True), -1)
    share = torch.cat([torch.zeros_like(share[:, :1]), share], -1)
    even = (torch.arange(fine, device=depths.device) + 0.5) / fine
    u = even.expand(rays, -1).contiguous() if random is None else _uniform((rays, fine), random, depths.device)
    after = torch.searchsorted(share, u, right=True)
    low, high = (after - 1).clamp_min(0), after.clamp_max(inner.shape[1])
    below, above = share.gather(1, low), share.gather(1, high)
    step = torch.where(above - below < 1e-5, 1.0, above - below)
    first = edges.gather(1, low)
    drawn = first + (u - below) / step * (edges.gather(1, high) - first)
    return drawn.reshape(batch, count, fine, 1)


def _meets(
    origins: Float[Tensor, "*B 3"], directions: Float[Tensor, "*B 3"], half: float, least: float
) -> tuple[Float[Tensor, "*B"], Float[Tensor, "*B"]]:
    """Distances at which rays enter and leave a box; components of directions below `least` count as that."""
    steady = torch.where(directions.abs() < least, least, directions) if least else directions
    low, high = (-half - origins) / steady, (half - origins) / steady
    return torch.minimum(low, high).amax(-1), torch.maximum(low, high).amin(-1)


def _uniform(shape: tuple[int, ...], random: torch.Generator | None, device: torch.device) -> Tensor:
    """Draws in [0, 1); one half each without a generator: the same rays then give the same picture."""
    if random is None:
        return torch.full(shape, 0.5, device=device)
    return torch.rand(shape, generator=random, device=random.device).to(device)
