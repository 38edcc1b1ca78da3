# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait as a person of a GAN: first the style and the camera that come closest, then the generator is tuned.

Roich et al. 2022 (PTI), as WYSIWYG and EG3D use it: squared error and a perceptual distance, here in the maps of the
project's own portrait encoder. The generator knows albedo and the photograph is lit, so the light is solved for on the
way (`light`), from the surface that is there. While it is tuned the generator is held where it was: away from the
photograph nothing speaks for a change.
"""

import copy
import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional

from ..geometry.alignment import MEAN_FACE, aligned_camera
from ..geometry.cameras import Camera
from ..geometry.fields import PointValues
from ..geometry.sampling import TwoPass
from ..geometry.sdf import normals
from ..geometry.volume import SEEN, RayView, render_rays
from ..models.portrait_encoder import PortraitEncoder
from ..models.sdf_gan import SdfGan, SdfVolume
from .base import Progress
from .inversion import STAGE
from .light import Light, plain_light, solve_light
from .placing import FREE, KNOWN, SQUARE_DEVIATION

PREVIEW_EVERY = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Inversion:
    """How a person is looked for."""

    side: int = 64
    """Of the compared pictures, pixels: whole sixteenths."""
    coarse: int = 24
    """Samples a ray in each of two passes."""
    fine: int = 24
    tuning: float = 350 / 950
    """Share of the steps in which the generator is tuned; the published 350 of 950."""
    style_rate: float = 0.05
    """Of Adam, in deviations of the styles; falls to a tenth."""
    camera_rate: float = 0.03
    """The same, in the deviations that cameras are expected to have."""
    tuning_rate: float = 3e-4
    """Of all weights of the generator."""
    seen_weight: float = 0.3
    """Of the perceptual distance, beside the squared error of the colours."""
    coverage_weight: float = 0.5
    """Of the squared error of the coverage."""
    prior_weight: float = 1e-3
    """Of squared deviations of style and camera."""
    keep_weight: float = 1.0
    """Of what tuning changes at random points: distance in tenths of a box unit, and a third of colour."""
    keep_points: int = 2000
    light_every: int = 10
    """Steps between two solutions for the light."""


@dataclass(frozen=True, slots=True)
class Inverted:
    """A person found."""

    styles: Float[Tensor, "1 K W"]
    generator: SdfGan
    """Tuned to the portrait; the one that was given is untouched."""
    camera: Camera
    """From where the portrait was taken."""
    errors: tuple[float, ...]
    """Distance from the portrait before each step."""


@dataclass(slots=True)
class _Target:
    picture: Float[Tensor, "4 S S"]
    """Photograph over white, and coverage."""
    maps: list[Tensor]


def invert(
    generator: SdfGan,
    eye: PortraitEncoder,
    portrait: UInt8[np.ndarray, "256 256 3"],
    matte: Float[np.ndarray, "256 256"],
    pose: tuple[float, float] | None,
    steps: int,
    config: Inversion,
    seed: int = 0,
) -> Generator[Progress, None, Inverted]:
    """Yield progress after each step, return the person; `pose` is azimuth and elevation, radians, where known."""
    device = generator.mapping.mean.device
    random = torch.Generator().manual_seed(seed)
    eye = eye.eval().requires_grad_(False)
    target = _target(portrait, matte, config.side, eye, device)
    start = aligned_camera(MEAN_FACE, *(pose or (0.0, 0.0)))
    start = Camera(start.cam_to_world.to(device), start.intrinsics.to(device))
    deviations = torch.tensor([*(FREE if pose is None else KNOWN), *SQUARE_DEVIATION], device=device)
    mean, spread = _styles(generator, random)
    style = torch.zeros_like(mean, requires_grad=True)
    change = torch.zeros(6, device=device, requires_grad=True)
    tuned = copy.deepcopy(generator).requires_grad_(False)
    tuning = round(steps * config.tuning)
    finding = steps - tuning
    light, errors = plain_light(), []
    optimiser = torch.optim.Adam(
        [{"params": [style], "lr": config.style_rate}, {"params": [change], "lr": config.camera_rate}]
    )
    kept: tuple[Tensor, PointValues] | None = None
    for step in range(steps):
        if step == finding:
            style.requires_grad_(False)
            change.requires_grad_(False)
            tuned.requires_grad_(True)
            optimiser = torch.optim.Adam(tuned.parameters(), lr=config.tuning_rate)
            kept = _known(generator, _as_styles(generator, mean + spread * style), config.keep_points, random)
        with torch.enable_grad():
            planes = tuned.planes(_as_styles(generator, mean + spread * style))
            volume = tuned.volume(planes)
            camera = moved(start, change * deviations)
            view = render_rays(
                volume, camera.rays(config.side, config.side), TwoPass(config.coarse, config.fine), random=random
            )
            facing, seen = _facing(volume, camera, view, config.side)
            if step % config.light_every == 0:
                light = _light(view, facing, seen, target)
            lit = _lit(view, facing, light, config.side)
            error = _distance(lit, target, eye, config)
            loss = error + config.prior_weight * (style.square().mean() + change.square().sum())
            if kept is not None:
                loss = loss + config.keep_weight * _change(volume, *kept)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step < finding:  # down to a tenth along a cosine
            share = 0.55 + 0.45 * math.cos(math.pi * (step + 1) / finding)
            for group, rate in zip(optimiser.param_groups, (config.style_rate, config.camera_rate), strict=True):
                group["lr"] = rate * share
        errors.append(float(error.detach()))
        preview = _shown(lit) if step % PREVIEW_EVERY == 0 or step == steps - 1 else None
        yield Progress(STAGE, 0.9 * (step + 1) / steps, preview)
    styles = _as_styles(generator, mean + spread * style).detach()
    tuned.requires_grad_(False)
    return Inverted(styles, tuned, moved(start, (change * deviations).detach()), tuple(errors))


def moved(camera: Camera, change: Float[Tensor, " 6"]) -> Camera:
    """A camera turned about the world's +Y and tilted about its own right (radians) around the origin, its picture
    turned, shifted right and down (in sides) and scaled (logarithm). Gradients reach the change."""
    turn, tilt, roll, right, down, zoom = change.unbind()
    zero, one = torch.zeros_like(turn), torch.ones_like(turn)

    def matrix(*rows: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        return torch.stack([torch.stack(row) for row in rows])

    about_up = matrix((turn.cos(), zero, turn.sin()), (zero, one, zero), (-turn.sin(), zero, turn.cos()))
    about_right = matrix((one, zero, zero), (zero, tilt.cos(), -tilt.sin()), (zero, tilt.sin(), tilt.cos()))
    pose = camera.cam_to_world
    axes = pose[:3, :3]
    rotation = about_up @ axes @ about_right @ axes.T
    top = torch.cat([rotation @ axes, (rotation @ pose[:3, 3])[:, None]], 1)
    c, s = zoom.exp() * roll.cos(), zoom.exp() * roll.sin()
    square = matrix(
        (c, -s, 0.5 - 0.5 * (c - s) + right), (s, c, 0.5 - 0.5 * (c + s) + down), (zero, zero, one)
    )  # fmt: skip
    return Camera(torch.cat([top, pose[3:]]), square @ camera.intrinsics)


def _target(portrait: np.ndarray, matte: np.ndarray, side: int, eye: PortraitEncoder, device: torch.device) -> _Target:
    rgb = torch.from_numpy(portrait).permute(2, 0, 1).float() / 255
    alpha = torch.from_numpy(matte).float()[None]
    whole = torch.cat([rgb * alpha + 1 - alpha, alpha])[None]
    picture = functional.interpolate(whole, (side, side), mode="area")[0].to(device)
    return _Target(picture, eye.maps(picture[None] * 2 - 1))


@torch.no_grad()
def _styles(generator: SdfGan, random: torch.Generator) -> tuple[Float[Tensor, " W"], Float[Tensor, " W"]]:
    """Mean and deviation of the styles of people that are told no camera in particular."""
    config = generator.config.mapping
    z = torch.randn(512, config.z, generator=random).to(generator.mapping.mean.device)
    w = generator.mapping(z, z.new_zeros(len(z), config.labels) if config.labels else None)
    return w.mean(0), w.std(0).clamp_min(1e-3)


def _as_styles(generator: SdfGan, w: Float[Tensor, " W"]) -> Float[Tensor, "1 K W"]:
    return w[None, None].expand(1, generator.config.styles, -1)


@torch.no_grad()
def _facing(
    volume: SdfVolume, camera: Camera, view: RayView, side: int
) -> tuple[Float[Tensor, "M 3"], Float[Tensor, "M 1"]]:
    """Normals of what is seen, 0 where nothing is; and where something is."""
    rays = camera.rays(side, side)
    seen = (view.alpha > SEEN)[:, None]
    points = rays.origins + view.distance[:, None] * rays.directions
    return torch.where(seen, normals(volume, points), 0.0), seen


def _light(view: RayView, facing: Tensor, seen: Tensor, target: _Target) -> Light:
    wanted = target.picture.reshape(4, -1).T
    both = seen[:, 0] & (view.alpha > 0.9) & (wanted[:, 3] > 0.9)
    return solve_light(view.albedo[both].detach(), wanted[both][:, :3], facing[both], view.alpha[both].detach())


def _lit(view: RayView, facing: Tensor, light: Light, side: int) -> Float[Tensor, "4 S S"]:
    """The picture in the portrait's light, over white, and its coverage."""
    passing = 1 - view.alpha[:, None]
    rgb = (view.rgb - passing) * light.shading(facing) + passing
    return torch.cat([rgb, view.alpha[:, None]], 1).T.reshape(4, side, side)


def _distance(
    lit: Float[Tensor, "4 S S"], target: _Target, eye: PortraitEncoder, config: Inversion
) -> Float[Tensor, ""]:
    error = (lit - target.picture).square()
    loss = error[:3].mean() + config.coverage_weight * error[3].mean()
    if config.seen_weight:
        maps = zip(eye.maps(lit[None] * 2 - 1), target.maps, strict=True)
        apart = [functional.normalize(own, dim=1) - functional.normalize(wanted, dim=1) for own, wanted in maps]
        loss = loss + config.seen_weight * torch.stack([each.square().sum(1).mean() for each in apart]).mean()
    return loss


@torch.no_grad()
def _known(
    generator: SdfGan, styles: Float[Tensor, "1 K W"], count: int, random: torch.Generator
) -> tuple[Float[Tensor, "N 3"], PointValues]:
    """What the generator says at points beside the surface, before it is tuned."""
    volume = generator.volume(generator.planes(styles))
    points = (torch.rand(8 * count, 3, generator=random) * 2 - 1).to(volume.device)
    nearest = volume.sdf(points).abs().topk(count, largest=False).indices
    return points[nearest], volume.values(points[nearest])


def _change(volume: SdfVolume, points: Float[Tensor, "N 3"], before: PointValues) -> Float[Tensor, ""]:
    now = volume.values(points)
    return (now.sdf - before.sdf).abs().mean() / 0.1 + (now.rgb - before.rgb).abs().mean() / 3


def _shown(lit: Float[Tensor, "4 S S"]) -> UInt8[np.ndarray, "S S 3"]:
    picture = (lit[:3].detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(picture)
