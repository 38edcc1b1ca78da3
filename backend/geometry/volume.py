# SPDX-License-Identifier: GPL-3.0-or-later
"""Volume rendering of a field with a soft surface: any sampler, any camera, gradients where the field has them.

view = volume_render(field, camera, 128, 128, TwoPass(48, 48))
view.rgb, view.depth, view.normal, view.beta, view.queries / (128 * 128)
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from .cameras import Camera, Rays
from .fields import PointValues, VolumeField
from .sampling import RaySamples, Sampler, box_span
from .sdf import laplace_density, normals

RAYS = 16384
"""Rays at a time, for samplers that need not see the whole picture."""
SEEN = 0.02
"""Coverage above which a pixel has a depth and a normal."""


@dataclass(frozen=True, slots=True)
class RayView:
    """What some rays see."""

    rgb: Float[Tensor, "M 3"]
    """sRGB colour over the background."""
    alpha: Float[Tensor, " M"]
    """Coverage in [0, 1]."""
    distance: Float[Tensor, " M"]
    """Mean distance along the ray, 0 where nothing is met."""
    beta: Float[Tensor, " M"]
    """Softness of the surface, rendered as a colour would be: multiplied by coverage."""
    albedo: Float[Tensor, "M 3"]
    """Colour of what is met, without the background; 0 where nothing is."""
    samples: RaySamples
    """Where the field was asked."""
    weights: Float[Tensor, "M S"]
    """Share of each sample in the colour."""
    values: PointValues
    """What the field said, `M * S` in a row; 0 where a sample only pads."""


@dataclass(frozen=True, slots=True)
class VolumeView:
    """One picture, top row first."""

    rgb: Float[Tensor, "H W 3"]
    """sRGB colour over the background."""
    alpha: Float[Tensor, "H W"]
    """Coverage in [0, 1]: the mask."""
    depth: Float[Tensor, "H W"]
    """Mean distance along the optical axis, 0 where nothing is seen."""
    normal: Float[Tensor, "H W 3"]
    """Unit normals towards the outside at that depth, world frame; 0 where nothing is seen. No gradient."""
    beta: Float[Tensor, "H W"]
    """Rendered softness of the surface."""
    albedo: Float[Tensor, "H W 3"]
    """Colour without the background; 0 where nothing is seen."""
    queries: int
    """Questions to the field, those of the sampler included, those for the normals not."""


def weights(density: Float[Tensor, "M S"], deltas: Float[Tensor, "M S"]) -> Float[Tensor, "M S"]:
    """Share of each sample in what a ray sees: T_i (1 - exp(-density_i delta_i)) (Max 1995; VolSDF, eq. 6)."""
    optical = density * deltas
    passing = torch.exp(optical - optical.cumsum(-1))
    return passing * -torch.expm1(-optical)


def composite(samples: RaySamples, values: PointValues, background: Float[Tensor, " 3"]) -> RayView:
    """What rays see, from what the field says at all `M * S` samples in a row."""
    shape = samples.depths.shape
    w = weights(laplace_density(values.sdf, values.beta).reshape(shape), samples.deltas)
    alpha = w.sum(-1)
    colour = (w[..., None] * values.rgb.reshape(*shape, 3)).sum(-2)
    met = alpha.clamp_min(1e-6)
    return RayView(
        rgb=colour + (1 - alpha)[:, None] * background,
        alpha=alpha,
        distance=(w * samples.depths).sum(-1) / met,
        beta=(w * values.beta.reshape(shape)).sum(-1),
        albedo=colour / met[:, None],
        samples=samples, weights=w, values=values,
    )  # fmt: skip


def render_rays(
    field: VolumeField,
    rays: Rays,
    sampler: Sampler,
    *,
    background: Float[Tensor, " 3"] | float = 1.0,
    image_shape: tuple[int, int] | None = None,
    random: torch.Generator | None = None,
) -> RayView:
    """What rays see; differentiable if the field is and gradients are on. Choosing the samples never is.

    `image_shape` says that the rays are the pixels of a picture, row by row: some samplers need to know.
    """
    rays = Rays(rays.origins.to(field.device), rays.directions.to(field.device))
    with torch.no_grad():
        samples = sampler.sample(field, rays, box_span(rays, field.extent), image_shape, random)
    values = samples.values
    if values is None or torch.is_grad_enabled():
        values = _ask(field, rays, samples)
    return composite(samples, values, _colour(background, field.device))


def volume_render(
    field: VolumeField,
    camera: Camera,
    height: int,
    width: int,
    sampler: Sampler,
    *,
    background: Float[Tensor, " 3"] | float = 1.0,
    random: torch.Generator | None = None,
) -> VolumeView:
    """What one camera sees; `random` jitters the samples. Raises CameraError if the camera cannot take a picture."""
    camera = camera.one()
    rays = camera.rays(height, width)
    if sampler.whole_image:
        bundles = [rays]
    else:
        parts = zip(rays.origins.split(RAYS), rays.directions.split(RAYS), strict=True)
        bundles = [Rays(*part) for part in parts]
    shape = (height, width) if sampler.whole_image else None
    views = [
        render_rays(field, bundle, sampler, background=background, image_shape=shape, random=random)
        for bundle in bundles
    ]
    rgb, alpha, distance, beta, albedo = (
        torch.cat([getattr(view, name) for view in views]) for name in ("rgb", "alpha", "distance", "beta", "albedo")
    )
    directions = rays.directions.to(field.device)
    seen = alpha.detach() > SEEN
    points = rays.origins.to(field.device)[seen] + distance.detach()[seen, None] * directions[seen]
    normal = torch.zeros_like(albedo).detach()
    normal[seen] = normals(field, points)
    along = directions @ camera.cam_to_world[:3, 2].to(field.device)
    return VolumeView(
        rgb=rgb.reshape(height, width, 3),
        alpha=alpha.reshape(height, width),
        depth=torch.where(seen, distance * along, 0.0).reshape(height, width),
        normal=normal.reshape(height, width, 3),
        beta=beta.reshape(height, width),
        albedo=torch.where(seen[:, None], albedo, 0.0).reshape(height, width, 3),
        queries=sum(view.samples.queries for view in views),
    )


def _ask(field: VolumeField, rays: Rays, samples: RaySamples) -> PointValues:
    real = samples.deltas > 0
    points = (rays.origins[:, None] + samples.depths[..., None] * rays.directions[:, None])[real]
    said = field.values(points)
    real = real.reshape(-1)
    blank = torch.zeros(len(real), device=points.device)
    return PointValues(
        blank.masked_scatter(real, said.sdf),
        torch.zeros(len(real), 3, device=points.device).masked_scatter(real[:, None], said.rgb),
        torch.ones_like(blank).masked_scatter(real, said.beta),  # 1, so that a density can be had of padding
    )


def _colour(background: Tensor | float, device: torch.device) -> Float[Tensor, " 3"]:
    colour = torch.as_tensor(background, dtype=torch.float32, device=device)
    return colour.expand(3)
