# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a generator that is learned: two passes at first, then where its proposal network says, which learns from
the same volumes on the way.

Trevithick et al. 2024, sections 3.2 to 3.4. The network speaks of pictures of the full side; while renders are smaller,
what it says is averaged over their pixels.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera, Rays
from ..geometry.fields import VolumeField
from ..geometry.interpolated import Interpolated
from ..geometry.proposed import Mode, Proposed, bin_weights, probe, reach
from ..geometry.sampling import RaySamples, Sampler, Span, TwoPass, box_span
from ..geometry.volume import RayView, render_rays
from ..models.proposal import ProposalCNN
from ..models.sdf_gan import SdfVolume
from .proposal import proposal_target, sampler_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class GanRendering:
    """Where rays ask, and what teaches the proposal network."""

    coarse: int = 48
    """Samples of the first pass, while the network does not serve."""
    fine: int = 48
    nodes: int | None = None
    """Distances along each ray that say where `fine` samples are taken, in place of two passes; None: two passes."""
    budget: int = 16
    """Samples a pixel where the network says."""
    hard_budget: int | None = 32
    """Samples for the tenth of the pixels that are hardest."""
    mode: Mode = "robust"
    """How samples are drawn from what it says."""
    patch: int = 64
    """Side of the part of each picture that supervises the network, pixels of the full side."""
    blur: float = 1.0
    """Of the supervision along the ray, bins."""
    floor: float = 5e-3
    """Blurred weights below this are nothing."""
    boundary_points: int = 4096
    """Points of each picture, spread along its rays, that free space is kept free at."""
    recompute: bool = False
    """Whether activations are computed twice instead of kept: what large pictures need."""

    def sampler(self) -> Sampler:
        """What serves before the network does."""
        return TwoPass(self.coarse, self.fine) if self.nodes is None else Interpolated(self.nodes, self.fine)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a generator, as training sees it."""

    picture: Float[Tensor, "4 s s"]
    """Colour over white and coverage, in [0, 1]."""
    view: RayView
    queries: int
    """Questions to the volume, those of a proposal included."""
    sampler: Float[Tensor, ""] | None
    """Cross entropy of what the proposal network says; None where it was not supervised."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Samples that were chosen beforehand."""

    samples: RaySamples
    whole_image: bool = True

    def sample(
        self,
        field: VolumeField,
        rays: Rays,
        span: Span,
        image_shape: tuple[int, int] | None,
        random: torch.Generator | None,
    ) -> RaySamples:
        return self.samples


def shoot(
    volume: SdfVolume,
    camera: Camera,
    side: int,
    full: int,
    network: ProposalCNN,
    config: GanRendering,
    random: torch.Generator | None,
    *,
    propose: bool = False,
    supervise: bool = False,
) -> Shot:
    """A picture of `side` pixels; the network, if it serves or learns, looks at one of `full`.

    Gradients reach volume and network if they are on; choosing samples never has any.
    """
    device = volume.device
    rays = _on(camera.rays(side, side), device)
    if not propose and not supervise:
        view = render_rays(volume, rays, config.sampler(), random=random)
        return Shot(_picture(view, side), view, view.samples.queries, None)
    large = _on(camera.rays(full, full), device)
    bounds = reach(box_span(large, volume.extent))
    seen = probe(volume, large, (full, full), network, bounds)
    with torch.set_grad_enabled(supervise and torch.is_grad_enabled()):
        said = network(seen.weights, seen.image, seen.directions)[0]
    taught = None
    if supervise:
        taught = _supervised(volume, large, full, said, bounds, config, random)
    if propose:
        probability = functional.interpolate(said.detach().exp()[None], (side, side), mode="area")[0]
        placer = Proposed(network, config.mode, config.budget, config.hard_budget)
        span = box_span(rays, volume.extent)
        samples = placer.placed(rearrange(probability, "k h w -> (h w) k"), span, bounds, random, seen.queries)
        view = render_rays(volume, rays, _Known(samples), image_shape=(side, side))
    else:
        view = render_rays(volume, rays, config.sampler(), random=random)
    return Shot(_picture(view, side), view, view.samples.queries, taught)


def spread_points(
    camera: Camera, count: int, extent: float, random: torch.Generator, device: torch.device
) -> Float[Tensor, "N 3"]:
    """Points in the box, evenly along random rays of a camera; none where no ray meets it."""
    rays = camera.rays(64, 64)
    near, far = rays.span(extent)
    met = torch.nonzero(far > near)[:, 0]
    if not len(met):
        return torch.zeros(0, 3, device=device)
    ray = met[torch.randint(len(met), (count,), generator=random)]
    depth = near[ray] + (far - near)[ray] * torch.rand(count, generator=random)
    return (rays.origins[ray] + depth[:, None] * rays.directions[ray]).to(device)


def _supervised(
    volume: SdfVolume,
    rays: Rays,
    full: int,
    said: Float[Tensor, "K S S"],
    bounds: tuple[float, float],
    config: GanRendering,
    random: torch.Generator | None,
) -> Float[Tensor, ""]:
    """What the network says of one random patch against the weights of all bins there."""
    side = min(config.patch, full)
    top, left = torch.randint(full - side + 1, (2,), generator=random).tolist()
    pixels = torch.arange(full * full, device=said.device).reshape(full, full)
    chosen = pixels[top : top + side, left : left + side].reshape(-1)
    edges = torch.linspace(*bounds, said.shape[0] + 1, device=said.device).expand(len(chosen), -1)
    weight, *_ = bin_weights(volume, Rays(rays.origins[chosen], rays.directions[chosen]), edges)
    target = rearrange(proposal_target(weight, config.blur, config.floor), "(h w) k -> k h w", h=side)
    return sampler_loss(said[:, top : top + side, left : left + side], target)


def _picture(view: RayView, side: int) -> Float[Tensor, "4 s s"]:
    return torch.cat([view.rgb, view.alpha[:, None]], 1).T.reshape(4, side, side)


def _on(rays: Rays, device: torch.device) -> Rays:
    return Rays(rays.origins.to(device), rays.directions.to(device))
