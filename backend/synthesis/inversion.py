# SPDX-License-Identifier: GPL-3.0-or-later
"""Some seconds of optimisation that make an avatar look like its portrait: the field's planes change, nothing else.

The photograph is placed before the avatar (`placing`) and freed of its light (`light`); what remains is the colour that
each seen point of the surface should have. Points that the photograph does not show follow what is like them
(`spreading`). Planes then learn these colours by points, the decoder frozen, while the surface stays where it is but
for its outline, which follows the matte. This is the residual triplane of an inversion (Roich et al. 2022, PTI, tune
the generator around a pivot; here the pivot is the sampled avatar), without a render in its loop: opacity depends only
on a ray's least distance (`geometry.rendering`), so one point a ray tells colour, and one its coverage.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera, orbit
from ..geometry.crossing import find_surface
from ..geometry.fields import TriplaneField
from ..geometry.lookup import channels_last
from ..geometry.occupancy import Occupancy, occupancy
from ..geometry.rendering import render
from ..geometry.sdf import normals
from ..geometry.triplane import Triplane
from .base import Progress
from .light import solve_light
from .placing import place, shrink
from .spreading import Patch, spread

STAGE = "likeness"
AROUND = [(0.25 * math.pi * k, 0.1 if k % 2 else -0.25) for k in range(8)] + [
    (0.25 * math.pi * k, 0.75) for k in range(1, 8, 2)
]
"""Azimuths and elevations of the cameras that find the rest of the surface."""
AROUND_SIDE = 40
PROBES = 2000
"""Points that say what channels do."""
RIGIDITY, SLOWEST = 6.0, 0.05
"""Box units of surface that weigh as much as a unit of colour; least share of the rate."""
COARSE = 64
"""Side of the first residual planes."""
PREVIEW_SIZE, PREVIEW_EVERY = 96, 40


@dataclass(frozen=True, slots=True, kw_only=True)
class InversionConfig:
    """How a portrait changes an avatar."""

    side: int = 192
    """Pixels along the portrait that are used."""
    rate: float = 0.004
    """Learning rate of the planes (Adam); it falls to a twentieth, linearly."""
    points: int = 3000
    """Points of each kind in a step: seen, hidden, and beside the surface."""
    outline: int = 500
    """Rays of a step where avatar and matte disagree."""
    seen_weight: float = 2.0
    """Of the mean absolute error of colour at points that the portrait shows."""
    hidden_weight: float = 1.0
    """The same elsewhere."""
    shape_weight: float = 20.0
    """Of the mean distance by which the surface moves, box units."""
    outline_weight: float = 6.0
    """Of the mean distance by which the outline is wrong, box units."""
    smoothing: float = 0.02
    """Share of the difference to its neighbours that a changed texel gives up every fourth step."""


@dataclass(frozen=True, slots=True)
class Goals:
    """What points should be."""

    seen: Float[Tensor, "N 3"]
    seen_rgb: Float[Tensor, "N 3"]
    hidden: Float[Tensor, "M 3"]
    hidden_rgb: Float[Tensor, "M 3"]
    near: Float[Tensor, "K 3"]
    """Points beside the surface."""
    near_sdf: Float[Tensor, " K"]
    """Their distance, which stays."""
    missing: Float[Tensor, "G 3"]
    """Where rays that should meet the person come closest to it."""
    beyond: Float[Tensor, "O 3"]
    """Points that the person should not reach: on rays that pass it in the photograph."""


def invert(
    field: TriplaneField,
    portrait: UInt8[np.ndarray, "256 256 3"],
    matte: Float[np.ndarray, "256 256"],
    pose: tuple[float, float] | None,
    steps: int,
    config: InversionConfig = InversionConfig(),
    seed: int = 0,
) -> Generator[Progress, None, TriplaneField]:
    """Yield progress, return the field made like its portrait; `pose` is azimuth and elevation, radians, where known.

    A picture without a person in its matte changes nothing.
    """
    random = torch.Generator().manual_seed(seed)
    goals = _goals(
        field, torch.from_numpy(portrait).float() / 255, torch.from_numpy(matte).float(), pose, config, random
    )
    if goals is None:
        return field
    fixed = channels_last(field.triplane.planes.detach()).clone()
    speed = channel_speeds(field, goals.seen)
    done = 0
    for side, share in _levels(fixed.shape[-1]):
        free = channels_last(fixed.new_zeros(*fixed.shape[:3], side, side))
        optimiser = torch.optim.Adam([free], lr=config.rate, betas=(0.9, 0.98), fused=True)
        last = steps if side == fixed.shape[-1] else done + round(share * steps)
        first = done
        for step in range(first, last):
            fall = 1 - 0.95 * (step - first) / (last - first)
            optimiser.param_groups[0]["lr"] = config.rate * fall * min(1, (step - first + 1) / 5)
            _descend(fixed, free, speed, field, goals, optimiser, config, random)
            if step % 4 == 3 and config.smoothing:
                _smooth(free, config.smoothing)
            wanted = step % PREVIEW_EVERY == PREVIEW_EVERY - 1 and step + 1 < steps
            yield Progress(STAGE, (step + 1) / steps, _preview(_joined(fixed, free, speed), field) if wanted else None)
        fixed, done = _joined(fixed, free, speed), last
        if side < fixed.shape[-1]:
            goals = _settled(goals, TriplaneField(Triplane(fixed), field.decoder))
    return TriplaneField(Triplane(fixed), field.decoder)


@torch.enable_grad()
def channel_speeds(field: TriplaneField, points: Float[Tensor, "N 3"]) -> Float[Tensor, " C"]:
    """How much each channel of the planes may move, in (0, 1]: those by which colour changes at once, those by which
    the surface moves slowly. Planes may hold both apart, as views do, or mix them."""
    at = points[:: max(1, len(points) // PROBES)]
    features = field.triplane.sample(at[None])[0].detach().clone().requires_grad_(True)
    values = field.decoder.values(features)
    (colour,) = torch.autograd.grad(values.rgb.sum(), features, retain_graph=True)
    (shape,) = torch.autograd.grad(values.sdf.sum(), features)
    colours, shapes = colour.abs().mean(0), shape.abs().mean(0)
    speeds = colours / (colours + RIGIDITY * shapes).clamp_min(1e-9)
    return (speeds / speeds.max().clamp_min(1e-9)).clamp_min(SLOWEST)


def _levels(side: int) -> list[tuple[int, float]]:
    """Sides of the residual planes, coarse to fine, and their shares of the steps: what is far from any point that is
    asked moves with its surroundings."""
    return [(COARSE, 0.4), (side, 0.6)] if side >= 2 * COARSE else [(side, 1.0)]


def _settled(goals: Goals, field: TriplaneField) -> Goals:
    """The goals of finer planes: the outline has moved and stays, or each of its texels would fray by itself."""
    nothing = goals.missing[:0]
    return replace(goals, near_sdf=field.sdf(goals.near), missing=nothing, beyond=nothing)


@torch.no_grad()
def _joined(
    fixed: Float[Tensor, "1 3 C R R"], free: Float[Tensor, "1 3 C S S"], speed: Float[Tensor, " C"]
) -> Float[Tensor, "1 3 C R R"]:
    side = fixed.shape[-1]
    return (
        fixed
        + speed[:, None, None]
        * functional.interpolate(free[0], (side, side), mode="bilinear", align_corners=False)[None]
    )


def _goals(
    field: TriplaneField,
    portrait: Float[Tensor, "H W 3"],
    matte: Float[Tensor, "H W"],
    pose: tuple[float, float] | None,
    config: InversionConfig,
    random: torch.Generator,
) -> Goals | None:
    """What the portrait asks of the surface; None where it shows nothing of it."""
    grid = occupancy(field)
    camera = place(field, portrait, matte, pose, grid).camera
    side, device = config.side, field.device
    joined = shrink(torch.cat([portrait * matte[..., None], matte[..., None]], -1), side).reshape(-1, 4).to(device)
    coverage = joined[:, 3]
    rays = camera.rays(side, side)
    origins, directions = rays.origins.to(device), rays.directions.to(device)
    distance, least, slope = find_surface(field, origins, directions, grid)
    met = slope > 0
    points = origins + torch.where(distance.isfinite(), distance, 0.0)[:, None] * directions
    shown = met & (coverage > 0.8)
    if int(shown.sum()) < 100:
        return None
    seen, facing = points[shown], directions[shown]
    normal, albedo = normals(field, seen), field.rgb(seen)
    upright = -(normal * facing).sum(-1)
    photograph = joined[shown][:, :3] / coverage[shown, None]
    shading = solve_light(albedo, photograph, normal, upright.clamp(0, 1)).shading(normal)
    wanted = (photograph / shading).clamp(0, 1)
    # Grazing, half covered and dark places are known badly.
    trust = (2 * upright).clamp(0, 1) * ((coverage[shown] - 0.8) / 0.15).clamp(0, 1)
    trust = trust * (shading.mean(-1) / 0.8).clamp(0.2, 1)

    hidden = _hidden(field, grid, camera, torch.where(met, distance, torch.inf).reshape(side, side))
    known, change = Patch(seen, albedo), wanted - albedo
    hidden_rgb = field.rgb(hidden)
    hidden_rgb = (hidden_rgb + spread(known, change, trust, Patch(hidden, hidden_rgb), random)).clamp(0, 1)
    likely = (albedo + spread(known, change, trust, known, random)).clamp(0, 1)
    surface = torch.cat([seen, hidden])
    near = surface[torch.randint(len(surface), (10 * config.points,), generator=random).to(device)]
    near = near + 0.03 * torch.randn(near.shape, generator=random).to(device)
    over = torch.nonzero(met & (coverage < 0.3))[:, 0]
    depths = distance[over, None] + torch.linspace(-0.02, 0.4, 12, device=device)
    beyond = (origins[over, None] + depths[..., None] * directions[over, None]).reshape(-1, 3)
    return Goals(
        seen, torch.lerp(likely, wanted, trust[:, None]), hidden, hidden_rgb, near, field.sdf(near),
        points[~met & (least < 0.06) & (coverage > 0.6)], beyond,
    )  # fmt: skip


def _hidden(field: TriplaneField, grid: Occupancy, camera: Camera, depth: Float[Tensor, "S S"]) -> Float[Tensor, "M 3"]:
    """Points of the surface all around that a camera does not show, given its picture's distances."""
    found = []
    for azimuth, elevation in AROUND:
        rays = orbit(azimuth, elevation).rays(AROUND_SIDE, AROUND_SIDE)
        origins, directions = rays.origins.to(field.device), rays.directions.to(field.device)
        distance, _, slope = find_surface(field, origins, directions, grid)
        met = slope > 0
        found.append(origins[met] + distance[met, None] * directions[met])
    points = torch.cat(found)
    eye = camera.cam_to_world[:3, 3].to(field.device)
    away = points - eye
    far = away.norm(dim=-1)
    place, _ = camera.project(points.cpu())
    inside = ((place > 0) & (place < 1)).all(-1).to(field.device)
    column, row = (place.clamp(0, 0.9999) * len(depth)).long().to(field.device).unbind(-1)
    turned = -(normals(field, points) * away).sum(-1) / far > 0.25
    return points[~(inside & turned & (far < depth[row, column] + 0.03))]


@torch.enable_grad()
def _descend(
    fixed: Float[Tensor, "1 3 C R R"],
    free: Float[Tensor, "1 3 C S S"],
    speed: Float[Tensor, " C"],
    field: TriplaneField,
    goals: Goals,
    optimiser: torch.optim.Optimizer,
    config: InversionConfig,
    random: torch.Generator,
) -> None:
    """One step of the free planes towards the goals; features are the sum of what both hold."""

    def draw(count: int, *tensors: Tensor) -> list[Tensor]:
        count = min(count, len(tensors[0]))
        index = torch.randint(max(len(tensors[0]), 1), (count,), generator=random).to(tensors[0].device)
        return [tensor[index] for tensor in tensors]

    seen, seen_rgb = draw(config.points, goals.seen, goals.seen_rgb)
    hidden, hidden_rgb = draw(config.points, goals.hidden, goals.hidden_rgb)
    near, near_sdf = draw(config.points, goals.near, goals.near_sdf)
    (missing,) = draw(config.outline, goals.missing)
    (beyond,) = draw(2 * config.outline, goals.beyond)
    parts = [seen, hidden, near, missing, beyond]
    points = torch.cat(parts)[None]
    free.requires_grad_(True)
    values = field.decoder.values((Triplane(fixed).sample(points) + speed * Triplane(free).sample(points))[0])
    sizes = [len(part) for part in parts]
    sdf, rgb = values.sdf.split(sizes), values.rgb.split(sizes)
    loss = config.seen_weight * _mean((rgb[0] - seen_rgb).abs())
    loss = loss + config.hidden_weight * _mean((rgb[1] - hidden_rgb).abs())
    still = 0.5 * _mean(torch.cat(sdf[:2]).abs()) + _mean((sdf[2] - near_sdf).abs())
    outline = _mean(functional.relu(sdf[3] + 0.005)) + _mean(functional.relu(0.01 - sdf[4]))
    loss = loss + config.shape_weight * still + config.outline_weight * outline
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    free.requires_grad_(False)


def _mean(values: Tensor) -> Tensor:
    """The mean, 0 of nothing."""
    return values.sum() / max(values.numel(), 1)


@torch.no_grad()
def _smooth(free: Float[Tensor, "1 3 C S S"], share: float) -> None:
    """One explicit step of diffusion: total variation falls, and no gradient is needed."""
    for dim in (-1, -2):
        size = free.shape[dim] - 1
        slope = free.diff(dim=dim).mul_(share / 4)
        free.narrow(dim, 0, size).add_(slope)
        free.narrow(dim, 1, size).sub_(slope)


def _preview(planes: Float[Tensor, "1 3 C R R"], field: TriplaneField) -> UInt8[np.ndarray, "H W 3"]:
    now = TriplaneField(Triplane(planes), field.decoder)
    view = render(now, orbit(0.25, 0.05), PREVIEW_SIZE, PREVIEW_SIZE, background=0.9)
    return (view.rgb.clamp(0, 1) * 255).round().byte().cpu().numpy()
