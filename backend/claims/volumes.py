# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes fitted to pictures alone, for the claims about what keeps their surfaces tight and free space free."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.cameras import Rays
from ..geometry.fields import PlanesField, TriplaneField
from ..geometry.sampling import Stratified, TwoPass
from ..geometry.triplane import Triplane
from ..geometry.volume import render_rays
from ..models.decoder import DecoderConfig, FieldDecoder
from ..studio.assets import Pack
from ..studio.parameters import sample_parameters
from ..studio.people import build_person
from ..studio.views import Scene
from ..training.losses import BetaSchedule, beta_loss, decision_boundary_loss, total_variation
from ..training.views import ViewSet, studio_views, training_cameras
from .base import Progress, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFit:
    """How a volume is fitted; the arms of a claim differ in one weight."""

    steps: int
    rays: int = 512
    """Rays of a step, over all views."""
    samples: int = 24
    """Samples of each of the two passes."""
    planes_rate: float = 1e-2
    decoder_rate: float = 1e-3
    variation_weight: float = 0.02
    beta_weight: float = 0.0
    beta_schedule: BetaSchedule = BetaSchedule(last=0.002)  # noqa: RUF009
    """The published end, 0.001 in a box of side 1, is 0.002 in ours."""
    boundary_weight: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Volume:
    """Planes and their own decoder."""

    planes: Float[Tensor, "1 3 C R R"]
    decoder: FieldDecoder

    def field(self) -> TriplaneField:
        """As it is rendered when done."""
        return TriplaneField(Triplane(self.planes), self.decoder)

    def copy(self) -> "Volume":
        """One that can be trained without changing this."""
        decoder = FieldDecoder(self.decoder.config)
        decoder.load_state_dict(self.decoder.state_dict())
        return Volume(self.planes.detach().clone(), decoder)


def studio_scene(settings: Settings, person: int) -> Scene:
    """A studio person to look at."""
    pack = Pack(settings.pack)
    return Scene(build_person(sample_parameters(person, pack), pack).parts)


def pictures_of(scene: Scene, settings: Settings) -> ViewSet:
    """What a fit sees."""
    return studio_views(scene, training_cameras(settings.pick(16, 3)), settings.pick(96, 12), samples=2)


def fit_volume(start: Volume, views: ViewSet, fit: VolumeFit, progress: Progress, stage: str) -> Volume:
    """Planes and decoder after some steps down the error of volume-rendered pixels over white, and the regularisers.

    Coverage is not supervised: as in the paper, nothing but the pictures says what is background.
    """
    random = torch.Generator().manual_seed(fit.seed)
    volume = start.copy()
    planes = volume.planes.requires_grad_(True)
    volume.decoder.requires_grad_(True)
    groups = [
        {"params": [planes], "lr": fit.planes_rate, "peak": fit.planes_rate},
        {"params": list(volume.decoder.parameters()), "lr": fit.decoder_rate, "peak": fit.decoder_rate},
    ]
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99))
    bundle = views.cameras.rays(*views.alpha.shape[1:])
    origins, directions, wanted = (part.reshape(-1, 3) for part in (bundle.origins, bundle.directions, views.rgb))
    field = PlanesField(planes, volume.decoder)
    for step in range(fit.steps):
        done = step / fit.steps
        progress(stage, done)
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * (1 - 0.95 * done)
        chosen = torch.randint(len(wanted), (fit.rays,), generator=random)
        rays = Rays(origins[chosen], directions[chosen])
        seen = render_rays(field, rays, TwoPass(fit.samples, fit.samples, stratified=True), random=random)
        loss = 20 * (seen.rgb - wanted[chosen]).square().mean() + fit.variation_weight * total_variation(planes)
        if fit.beta_weight:
            loss = loss + fit.beta_weight * beta_loss(seen.beta, seen.alpha, fit.beta_schedule.target(done))
        if fit.boundary_weight:
            half = Rays(rays.origins[: fit.rays // 2], rays.directions[: fit.rays // 2])
            spread = render_rays(field, half, Stratified(16), random=random)
            real = (spread.samples.deltas > 0).reshape(-1)
            loss = loss + fit.boundary_weight * decision_boundary_loss(spread.values.sdf[real])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return Volume(planes.detach(), volume.decoder.eval().requires_grad_(False))


def ball(settings: Settings, seed: int, radius: float = 0.35) -> Volume:
    """A grey ball, the start of a fit that knows nothing; its free space is clear (sphere-like, as WYSIWYG starts)."""
    random = torch.Generator().manual_seed(seed)
    channels, side = settings.pick((16, 64), (4, 8))
    planes = (0.1 * torch.randn(1, 3, channels, side, side, generator=random)).requires_grad_(True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        decoder = FieldDecoder(DecoderConfig(channels=channels, beta=True))
    optimiser = torch.optim.Adam([{"params": [planes], "lr": 2e-2}, {"params": list(decoder.parameters()), "lr": 2e-3}])
    for _ in range(settings.pick(250, 20)):
        points = torch.rand(4096, 3, generator=random) * 2 - 1
        values = PlanesField(planes, decoder).values(points)
        truth = (points.norm(dim=-1) - radius).clamp(-0.1, 0.1)
        loss = 20 * (values.sdf - truth).abs().mean() + (values.rgb - 0.5).square().mean()
        loss = loss + 0.02 * total_variation(planes)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return Volume(planes.detach(), decoder.requires_grad_(False))


def entropy(weights: Float[Tensor, "M S"]) -> Float[Tensor, " M"]:
    """Spread of a ray's weights along it, nats."""
    share = weights / weights.sum(-1, keepdim=True).clamp_min(1e-9)
    return -(share * share.clamp_min(1e-12).log()).sum(-1)


def roughness(normal: Float[Tensor, "H W 3"], covered: Tensor) -> float:
    """Mean angle between the normals of neighbouring covered pixels, degrees."""
    angles = []
    for axis in (0, 1):
        count = normal.shape[axis] - 1
        first, second = normal.narrow(axis, 0, count), normal.narrow(axis, 1, count)
        both = covered.narrow(axis, 0, count) & covered.narrow(axis, 1, count)
        angles.append((first * second).sum(-1)[both].clamp(-1, 1).arccos())
    return float(np.degrees(torch.cat(angles).mean().item())) if len(torch.cat(angles)) else 0.0
