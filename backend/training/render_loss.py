# SPDX-License-Identifier: GPL-3.0-or-later
"""Planes judged by patches of pictures: errors of planes do not say what is seen (Rodin, section 3.3; RodinHD, 3.3).

Square patches of a person's views, reduced by several factors so that they show a little of the person sharply or much
of it coarsely, are rendered from predicted planes with gradients and compared pixel by pixel and feature by feature.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Rays
from ..geometry.fields import TriplaneField
from ..geometry.triplane import Triplane
from ..models.decoder import FieldDecoder
from ..models.portrait_encoder import FOLD, PortraitEncoder
from .photometric import FLATTEST, PhotometricConfig, RayBatch, composite, find_surface, window_points
from .views import ViewSet

Features = Callable[[Tensor], list[Tensor]]
"""Pictures [B, 3, H, W] in [0, 1] to feature maps, coarse ones last; differentiable, itself not trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderLossConfig:
    """Which patches, and what counts; the defaults are those of RodinHD's code."""

    patch: int = 64
    """Side in pixels."""
    shrinks: tuple[int, ...] = (2, 4, 8)
    """Views are reduced by one of these; those that leave less than a patch are not drawn, and where none is left the
    view stays as it is."""
    shares: tuple[float, ...] = (0.2, 0.45, 0.35)
    """How often each is drawn."""
    whitest: float = 0.7
    """A patch with a larger share of background is drawn once more."""
    pixel_weight: float = 1.0
    """Of the mean absolute error."""
    perceptual_weight: float = 0.5
    sampling: PhotometricConfig = field(default_factory=PhotometricConfig)
    """How rays meet planes."""


@dataclass(frozen=True, slots=True)
class ViewPatch:
    """A square part of a reduced view."""

    rays: Rays
    """P² rays, row by row."""
    rgb: Float[Tensor, "P P 3"]
    """Over white."""
    alpha: Float[Tensor, "P P"]


def draw_patch(views: ViewSet, config: RenderLossConfig, random: torch.Generator) -> ViewPatch:
    """A patch of one of the views at random."""
    patch = _patch(views, config, random)
    if float((patch.alpha < 0.5).float().mean()) > config.whitest:
        patch = _patch(views, config, random)
    return patch


def render_patch(
    planes: Float[Tensor, "3 C R R"], decoder: FieldDecoder, rays: Rays, config: PhotometricConfig,
    random: torch.Generator,
) -> Float[Tensor, "M 3"]:  # fmt: skip
    """Colours of rays over white, with gradients to the planes."""
    triplane = Triplane(planes[None])
    field_now = TriplaneField(Triplane(planes.detach()[None]), decoder)
    centre, distance, slope = find_surface(field_now, rays.origins, rays.directions)
    window = config.reach * config.beta
    live = centre.isfinite() & (distance < window)
    colour = torch.ones_like(rays.origins)
    if not bool(live.any()):
        return colour + 0 * planes.sum()  # nothing to see, and nothing to learn from it
    white, none = colour[live], colour[live, 0]
    batch = RayBatch(rays.origins[live], rays.directions[live], centre[live],
                     window / slope[live].clamp(FLATTEST, 1.0), white, none)  # fmt: skip
    points = window_points(batch, config.samples, random)
    sdf, rgb = decoder(triplane.sample(points.reshape(1, -1, 3))[0])
    seen, _ = composite(sdf.view(points.shape[:-1]), rgb.view(points.shape), config.beta)
    return colour.index_put((torch.nonzero(live)[:, 0],), seen)


def render_losses(
    planes: Float[Tensor, "B 3 C R R"],
    decoder: FieldDecoder,
    views: list[ViewSet],
    config: RenderLossConfig,
    random: torch.Generator,
    features: Features | None = None,
) -> dict[str, Tensor]:
    """Weighted errors of one patch of each person; the perceptual one only where `features` are given."""
    seen, truth = [], []
    for own, shown in zip(planes, views, strict=True):
        patch = draw_patch(shown, config, random)
        picture = render_patch(own, decoder, patch.rays, config.sampling, random)
        seen.append(picture.view_as(patch.rgb))
        truth.append(patch.rgb)
    pictures, wanted = (torch.stack(stack).permute(0, 3, 1, 2) for stack in (seen, truth))
    terms = {"pixel": config.pixel_weight * (pictures - wanted).abs().mean()}
    if features is not None:
        terms["perceptual"] = config.perceptual_weight * perceptual(features, pictures, wanted)
    return terms


def perceptual(
    features: Features, pictures: Float[Tensor, "B 3 H W"], wanted: Float[Tensor, "B 3 H W"]
) -> Float[Tensor, ""]:
    """Squared distance of features of unit length at each place, summed over the maps (Zhang et al. 2018, without
    learned weights)."""
    with torch.no_grad():
        truths = features(wanted)
    return torch.stack([
        (functional.normalize(own, dim=1) - functional.normalize(truth, dim=1)).square().sum(1).mean()
        for own, truth in zip(features(pictures), truths, strict=True)
    ]).sum()  # fmt: skip


def encoder_features(encoder: PortraitEncoder) -> Features:
    """The maps inside a trained portrait encoder, which the project ships: it has learned to tell people apart."""
    encoder = encoder.eval().requires_grad_(False)

    def features(pictures: Tensor) -> list[Tensor]:
        with_matte = torch.cat([pictures * 2 - 1, torch.ones_like(pictures[:, :1])], 1)
        maps = [encoder.stem(functional.pixel_unshuffle(with_matte, FOLD))]
        for block in (*encoder.middle, *encoder.last):
            maps.append(block(maps[-1]))
        return maps

    return features


def _patch(views: ViewSet, config: RenderLossConfig, random: torch.Generator) -> ViewPatch:
    index = int(torch.randint(len(views), (), generator=random))
    rgb, alpha = views.rgb[index], views.alpha[index]
    fits = [k for k, shrink in enumerate(config.shrinks) if min(alpha.shape) // shrink >= config.patch]
    if fits:
        shares = torch.tensor([config.shares[k] for k in fits])
        shrink = config.shrinks[fits[int(torch.multinomial(shares, 1, generator=random))]]
        small = functional.avg_pool2d(torch.cat([rgb, alpha[..., None]], -1).permute(2, 0, 1), shrink)
        rgb, alpha = small[:3].permute(1, 2, 0), small[3]
    height, width = alpha.shape
    side = min(config.patch, height, width)
    top, left = (int(torch.randint(size - side + 1, (), generator=random)) for size in (height, width))
    rows = (torch.arange(top, top + side)[:, None] * width + torch.arange(left, left + side)).reshape(-1)
    rays = views.cameras[index].rays(height, width)
    kept = Rays(rays.origins[rows.to(rgb.device)], rays.directions[rows.to(rgb.device)])
    part = (slice(top, top + side), slice(left, left + side))
    return ViewPatch(kept, rgb[part], alpha[part])
