# SPDX-License-Identifier: GPL-3.0-or-later
"""An SDF GAN as something that can be adapted."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.cameras import Camera, Rays, orbit
from ..geometry.fields import VolumeField
from ..geometry.sampling import RaySamples, Sampler, Span, TwoPass
from ..geometry.sdf import laplace_density
from ..geometry.volume import render_rays, volume_render, weights
from ..models.sdf_gan import SdfGan, camera_label
from ..weights.library import Entry
from ..weights.licences import Licence
from ..weights.sdf_gan import OWN, TrainedSdfGan, load_sdf_gan, save_sdf_gan
from .adaptable import Learned, Shot
from .painted import Sight

HEAD_RATE = 0.1
"""Of the point heads' weights, over those of the synthesis, which are scaled at run time and thus far larger."""
SHOWN = 2e-3
"""Share of a ray's colour below which a sample is not learned through."""


class AdaptableSdfGan:
    """Synthesis, doubling blocks and point heads learn; the way from z to styles stays, and with it who is who."""

    def __init__(
        self, model: TrainedSdfGan, name: str, model_hash: str, device: torch.device, terms: Licence = OWN
    ) -> None:
        self.model, self.name, self.model_hash, self.device = model.to(device), name, model_hash, device
        self.terms = terms

    @classmethod
    def open(cls, entry: Entry, device: torch.device, case: bool = False) -> "AdaptableSdfGan":
        """Read a model of the library. Raises WeightsError."""
        model = load_sdf_gan(entry)
        return cls(with_case(model) if case else model, entry.name, entry.model_hash, device, entry.licence)

    @property
    def network(self) -> SdfGan:
        return self.model.generator

    def groups(self, everybody: bool = False) -> dict[str, Learned]:
        generator = self.network
        # Biases stay (StyleGAN-Fusion): moved, they recolour everybody at once and the styles lose their say.
        styled = [
            parameter
            for part in (generator.synthesis, generator.doubling)
            for name, parameter in part.named_parameters()
            if everybody or not name.endswith(("bias", "noise_strength"))
        ]
        if everybody and generator.shared is not None:
            styled.append(generator.shared)
        found = {
            "synthesis": Learned(tuple(styled), 1.0),
            "shape": Learned(tuple(generator.heads.shape_parameters()), HEAD_RATE),
            "colour": Learned(tuple(generator.heads.colour_parameters()), HEAD_RATE),
        }
        return found if generator.case is None else found | {"case": Learned((generator.case,), 1.0)}

    def latents(self, count: int, random: torch.Generator) -> Float[Tensor, "B Z"]:
        return torch.randn(count, self.network.config.mapping.z, generator=random).to(self.device)

    @torch.no_grad()
    def styles(self, latents: Float[Tensor, "B Z"], truncation: float) -> Float[Tensor, "B K W"]:
        label = None
        if self.network.config.mapping.labels:
            label = camera_label(orbit(0.0)).expand(len(latents), -1).to(self.device)
        return self.network.styles(latents, label, truncation)

    def planes(self, styles: Float[Tensor, "B K W"]) -> Float[Tensor, "B 3 C R R"]:
        return self.network.planes(styles)

    def camera(self, azimuth: float, elevation: float) -> Camera:
        return orbit(azimuth, elevation)

    def shoot(
        self,
        planes: Float[Tensor, "1 3 C R R"],
        styles: Float[Tensor, "1 K W"],
        camera: Camera,
        side: int,
        samples: int,
        random: torch.Generator | None,
    ) -> Shot:
        volume = self.network.volume(planes, camera)
        sampler: Sampler = TwoPass(samples, samples)
        if torch.is_grad_enabled():
            sampler = Shown(sampler)
        view = render_rays(volume, camera.rays(side, side), sampler, random=random)
        rgb, *rest = view.rgb.T.reshape(3, side, side), view.alpha, view.distance
        return Shot(rgb, *(each.reshape(1, side, side) for each in rest))

    @torch.no_grad()
    def look(
        self,
        planes: Float[Tensor, "1 3 C R R"],
        styles: Float[Tensor, "1 K W"],
        camera: Camera,
        side: int,
        samples: int,
    ) -> Sight:
        volume = self.network.volume(planes, camera)
        view = volume_render(volume, camera, side, side, TwoPass(samples, samples))
        picture, normal = (map_.permute(2, 0, 1) for map_ in (view.rgb, view.normal))
        return Sight(picture, view.alpha[None], normal, view.depth, camera)

    def frozen(self) -> "AdaptableSdfGan":
        model = replace(self.model, generator=copy.deepcopy(self.network)).ready()
        return AdaptableSdfGan(model, self.name, self.model_hash, self.device, self.terms)

    def save(self, weights: Mapping[str, Tensor], path: Path, recipe: dict[str, Any]) -> None:
        generator = copy.deepcopy(self.network)
        generator.load_state_dict(dict(weights))
        save_sdf_gan(replace(self.model, generator=generator), path, self.terms, recipe)


@dataclass(frozen=True, slots=True)
class Shown:
    """Of another sampler's samples those that show something: gradients through all others would be nearly nothing, at
    ten times the cost."""

    inner: Sampler
    least: float = SHOWN
    whole_image: bool = False

    def sample(
        self,
        field: VolumeField,
        rays: Rays,
        span: Span,
        image_shape: tuple[int, int] | None,
        random: torch.Generator | None,
    ) -> RaySamples:
        """The inner one must know what the field said, as `TwoPass` does."""
        all_of_them = self.inner.sample(field, rays, span, image_shape, random)
        known = all_of_them.values
        assert known is not None
        density = laplace_density(known.sdf, known.beta).reshape(all_of_them.depths.shape)
        shows = weights(density, all_of_them.deltas) >= self.least
        if not shows.any():  # of nothing at all there is still a gradient everywhere
            return replace(all_of_them, values=None)
        return replace(all_of_them, deltas=torch.where(shows, all_of_them.deltas, 0.0), values=None)


def with_case(model: TrainedSdfGan) -> TrainedSdfGan:
    """The same model with planes of its own, empty, that are added to everybody's."""
    if model.generator.case is not None:
        return model
    config = replace(model.config, generator=replace(model.config.generator, case=True))
    wider = SdfGan(config.generator)
    missing = wider.load_state_dict(model.generator.state_dict(), strict=False)
    assert missing.missing_keys == ["case"] and not missing.unexpected_keys
    return TrainedSdfGan(config, wider, model.proposal).ready()
