# SPDX-License-Identifier: GPL-3.0-or-later
"""A warm start of a GAN: show pictures again from a code of who is in them, before anybody is judged.

One picture at a time, as LOLNeRF (Rebain et al. 2022) and CodeNeRF (Jang and Agapito 2021) learn: the error is that of
patches of single pictures from their own cameras, at several scales, so that a patch shows a little of the person
sharply or all of it coarsely (GRAF, Schwarz et al. 2020). No shape is ever shown. The code takes the place of z, so
that people who are drawn later come from the same distribution.
"""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera, Rays
from ..geometry.interpolated import Interpolated
from ..geometry.sampling import Sampler
from ..geometry.volume import RayView, render_rays
from ..models.portrait_encoder import PortraitEncoder
from ..models.sdf_gan import SdfVolume
from .gan_views import PictureSource


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """How pictures are shown again."""

    until: float = 0.5
    """Share of the run in which nothing else is learned."""
    judge_from: float = 0.47
    """Share of the run from which the discriminator learns: a little earlier, so that it has something to say."""
    keep: float = 0.3
    """Weight of the same losses afterwards."""
    keep_every: int = 2
    """Steps between two of them afterwards."""
    gentle: float = 0.25
    """Learning rates afterwards, over those before."""
    sharpen: float = 0.3
    """Share of the run before which patches have half the side, and minibatches twice the people: who it is shows
    coarsely, and many people say best what the code means."""
    people: int = 6
    """In a minibatch."""
    views: int = 2
    """Pictures of each, as far as there are as many."""
    front: float = 2.0
    """By how much more often than from behind a picture is drawn that is taken from the front: faces are seen there."""
    patch: int = 32
    """Side of the part of each picture that is rendered, pixels of the reduced picture; an even number of
    sixteenths."""
    shares: tuple[float, ...] = (0.3, 0.4, 0.3)
    """How often the part is the whole picture, a half of its side, a quarter, ...: as far as pictures are as large."""
    sampler: Sampler = field(default_factory=lambda: Interpolated(nodes=20, count=10, reach=4.0))
    colour_weight: float = 2.0
    """Of the mean absolute error of colour over white."""
    coverage_weight: float = 1.0
    """The same of coverage, where pictures have it."""
    edge_weight: float = 1.0
    """The same of differences between neighbouring pixels."""
    outline_weight: float = 2.0
    """Of how far a ray's least distance is on the wrong side of the outline, box units: coverage alone has no gradient
    where the surface is some of its widths away from where it should be."""
    seen_weight: float = 0.3
    """Of the mean absolute error in a portrait encoder's maps, over their mean size."""

    def at(self, progress: float) -> "WarmStart":
        """What holds when a share of the run is done."""
        return self if progress >= self.sharpen else replace(self, patch=self.patch // 2, people=2 * self.people)


@dataclass(frozen=True, slots=True)
class Patch:
    """A square part of a reduced picture."""

    rays: Rays
    """P² rays, row by row."""
    picture: Float[Tensor, "C P P"]
    """In [0, 1], over white; coverage last where there is one."""


def draw_views(source: PictureSource, subject: int, config: WarmStart, random: torch.Generator) -> Int[Tensor, " V"]:
    """Which pictures of a subject are shown again, none twice."""
    rows = source.pictures_of(subject)
    towards = functional.normalize(source.cameras_of(rows).cam_to_world[:, :3, 3], dim=1)[:, 2]
    weight = torch.where(towards > 0.5, config.front, 1.0)
    return rows[torch.multinomial(weight, min(config.views, len(rows)), generator=random)]


def draw_patch(picture: Float[Tensor, "C S S"], camera: Camera, config: WarmStart, random: torch.Generator) -> Patch:
    """A part of a picture in [-1, 1] at a random scale, around a place that is not white."""
    full, patch = picture.shape[-1], config.patch
    fits = [k for k in range(len(config.shares)) if patch << k <= full] or [0]
    shares = torch.tensor([config.shares[k] for k in fits])
    side = min(patch << fits[int(torch.multinomial(shares, 1, generator=random))], full)
    small = functional.interpolate(picture[None], (side, side), mode="area")[0] / 2 + 0.5
    patch = min(patch, side)
    shown = torch.nonzero((small < 0.99).any(0))
    if len(shown):
        centre = shown[int(torch.randint(len(shown), (), generator=random))]
    else:
        centre = torch.tensor([side // 2, side // 2])
    top, left = (int(min(max(int(c) - patch // 2, 0), side - patch)) for c in centre)
    rays = camera.rays(side, side)
    kept = (torch.arange(top, top + patch)[:, None] * side + torch.arange(left, left + patch)).reshape(-1)
    return Patch(Rays(rays.origins[kept], rays.directions[kept]), small[:, top : top + patch, left : left + patch])


def render_patches(
    volume: SdfVolume, patches: list[Patch], sampler: Sampler, random: torch.Generator
) -> tuple[Float[Tensor, "P 4 S S"], RayView]:
    """What the volume shows where patches of the same person are: colour over white and coverage."""
    origins, directions = (
        torch.cat([getattr(each.rays, name) for each in patches]) for name in ("origins", "directions")
    )
    view = render_rays(volume, Rays(origins.to(volume.device), directions.to(volume.device)), sampler, random=random)
    side = patches[0].picture.shape[-1]
    seen = torch.cat([view.rgb, view.alpha[:, None]], 1).reshape(len(patches), side, side, 4)
    return seen.permute(0, 3, 1, 2), view


def shown_again(
    made: Float[Tensor, "N 4 P P"], real: Float[Tensor, "N C P P"], eye: PortraitEncoder | None, config: WarmStart
) -> dict[str, Tensor]:
    """The weighted errors of renders beside pictures, both in [0, 1]."""
    channels = real.shape[1]
    made = made[:, :channels]
    across, down = ((made.diff(dim=d) - real.diff(dim=d)).abs().mean() for d in (-1, -2))
    losses = {
        "colour": config.colour_weight * (made[:, :3] - real[:, :3]).abs().mean(),
        "edges": config.edge_weight * (across + down),
    }
    if channels == 4:
        losses["coverage"] = config.coverage_weight * (made[:, 3] - real[:, 3]).abs().mean()
    if eye is not None and config.seen_weight:
        with torch.no_grad():
            wanted = eye.maps(_covered(real))
        said = eye.maps(_covered(made))
        apart = [
            (a.float() - b.float()).abs().mean() / b.float().abs().mean() for a, b in zip(said, wanted, strict=True)
        ]
        losses["seen"] = config.seen_weight * torch.stack(apart).mean()
    return losses


def outline_error(view: RayView, coverage: Float[Tensor, " M"]) -> Float[Tensor, ""]:
    """Mean of the least distance along rays that should meet the body and do not, and of its depth along those that
    should not and do (the idea of Yariv et al. 2020, IDR, eq. 7). `coverage` is what is seen in truth."""
    least = view.values.sdf.reshape(len(coverage), -1).amin(1)
    return torch.where(coverage > 0.5, least.clamp_min(0), (-least).clamp_min(0)).mean()


def _covered(pictures: Float[Tensor, "N C P P"]) -> Float[Tensor, "N 4 P P"]:
    if pictures.shape[1] == 3:
        pictures = torch.cat([pictures, torch.ones_like(pictures[:, :1])], 1)
    return pictures * 2 - 1
