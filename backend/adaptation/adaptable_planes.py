# SPDX-License-Identifier: GPL-3.0-or-later
"""Converted EG3D and PanoHead models as something that can be adapted: their synthesis and ToRGB learn.

Pictures are the volume's own, before super-resolution: that is what becomes a mesh. Behind the head stands white in
place of a background network, whose pictures no mesh has.
"""

import copy
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera, look_at
from ..geometry.emission import two_pass
from ..geometry.feature_planes import FeaturePlanes
from ..models.plane_gan import PlaneGan, usual_camera
from ..weights.converted import load_gan, save_gan
from ..weights.library import Entry
from .adaptable import Learned, Shot
from .errors import AdaptationError
from .painted import Sight

CUTOFF = 14
"""Up to which layer styles are truncated, as the published programs do."""


class AdaptablePlaneGan:
    """The backbone's synthesis learns, and the layer that makes colours of features where there is one."""

    def __init__(self, model: PlaneGan, entry: Entry, device: torch.device) -> None:
        self.network, self.entry, self.device = model.to(device), entry, device
        self.name, self.model_hash = entry.name, entry.model_hash

    @classmethod
    def open(cls, entry: Entry, device: torch.device, case: bool = False) -> "AdaptablePlaneGan":
        """Read a model of the library. Raises WeightsError, and AdaptationError where planes should be added."""
        if case:
            raise AdaptationError(f"{entry.name} takes no planes of one case", "Adapt it without, or take an SDF GAN.")
        return cls(load_gan(entry), entry, device)

    def groups(self, everybody: bool = False) -> dict[str, Learned]:
        styled = tuple(
            parameter
            for name, parameter in self.network.synthesis.named_parameters()
            if everybody or not name.endswith(("bias", "noise_strength"))
        )
        found = {"synthesis": Learned(styled, 1.0)}
        if self.network.to_colour is not None:
            found["colour"] = Learned(tuple(self.network.to_colour.parameters()), 1.0)
        return found

    def latents(self, count: int, random: torch.Generator) -> Float[Tensor, "B Z"]:
        return torch.randn(count, self.network.config.mapping.z, generator=random).to(self.device)

    @torch.no_grad()
    def styles(self, latents: Float[Tensor, "B Z"], truncation: float) -> Float[Tensor, "B K W"]:
        return self.network.styles(latents, None, truncation, CUTOFF)

    def planes(self, styles: Float[Tensor, "B K W"]) -> Float[Tensor, "B 3 C *D R R"]:
        return self.network.planes(styles).planes

    def camera(self, azimuth: float, elevation: float) -> Camera:
        usual = usual_camera(self.network.config)
        centre = torch.tensor(self.network.config.centre)
        radius = float((usual.cam_to_world[:3, 3] - centre).norm())
        along = torch.tensor([
            math.sin(azimuth) * math.cos(elevation), math.sin(elevation), math.cos(azimuth) * math.cos(elevation),
        ])  # fmt: skip
        return Camera(look_at(centre + radius * along, centre), usual.intrinsics)

    def shoot(
        self,
        planes: Float[Tensor, "1 3 C *D R R"],
        styles: Float[Tensor, "1 K W"],
        camera: Camera,
        side: int,
        samples: int,
        random: torch.Generator | None,
    ) -> Shot:
        config, decoder = self.network.config, self.network.decoder
        features = FeaturePlanes(planes, config.axes, config.box / 2)
        where = Camera(camera.cam_to_world[None].to(self.device), camera.intrinsics[None].to(self.device))
        passes = replace(config.render, coarse=samples, fine=samples)
        seen = two_pass(lambda points: decoder(features.sample(points)), where.rays(side, side), features.half, passes,
                        random)  # fmt: skip
        alpha = seen.alpha.reshape(1, 1, side, side)
        picture = self._coloured(seen.colour.permute(0, 2, 1).reshape(1, -1, side, side), styles)
        empty = self._coloured(torch.zeros_like(seen.colour[:, :1]).permute(0, 2, 1)[..., None], styles)
        white = picture + (1 - alpha) * (1 - empty)
        return Shot((white[0] + 1) / 2, alpha[0].clamp(0, 1), seen.depth.reshape(1, side, side))

    @torch.no_grad()
    def look(
        self,
        planes: Float[Tensor, "1 3 C *D R R"],
        styles: Float[Tensor, "1 K W"],
        camera: Camera,
        side: int,
        samples: int,
    ) -> Sight:
        """Normals are those of neighbouring depths: a density has no surface of its own."""
        shot = self.shoot(planes, styles, camera, side, samples, None)
        depth = shot.distance[0]
        shown = shot.alpha[0] > 0.5
        rays = camera.rays(side, side)
        place = rays.origins.to(depth) + depth.reshape(-1, 1) * rays.directions.to(depth)
        normal = facing(place.reshape(side, side, 3)).permute(2, 0, 1) * shown
        along = (rays.directions.to(depth) @ camera.cam_to_world[:3, 2].to(depth)).reshape(side, side)
        return Sight(shot.rgb.clamp(0, 1), shot.alpha, normal, depth * along * shown, camera)

    def frozen(self) -> "AdaptablePlaneGan":
        return AdaptablePlaneGan(copy.deepcopy(self.network).eval().requires_grad_(False), self.entry, self.device)

    def save(self, weights: Mapping[str, Tensor], path: Path, recipe: dict[str, Any]) -> None:
        save_gan(self.entry, dict(weights), path, recipe)

    def _coloured(self, features: Float[Tensor, "1 C H W"], styles: Float[Tensor, "1 K W"]) -> Float[Tensor, "1 3 H W"]:
        """Colours in [-1, 1] of summed features; linear in them."""
        if self.network.config.activation == "sigmoid":
            features = features * 2 - 1
        return features[:, :3] if self.network.to_colour is None else self.network.to_colour(features, styles[:, -1])


def facing(places: Float[Tensor, "H W 3"]) -> Float[Tensor, "H W 3"]:
    """Unit normals, towards the camera, of the places that a picture's pixels show."""
    across = torch.gradient(places, dim=1)[0]
    down = torch.gradient(places, dim=0)[0]
    return functional.normalize(torch.linalg.cross(down, across), dim=-1)
