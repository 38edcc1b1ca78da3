# SPDX-License-Identifier: GPL-3.0-or-later
"""3D GANs whose styles become feature planes: EG3D (Chan et al. 2022) and PanoHead (An et al. 2023).

PanoHead differs by data alone: planes with thickness, another third plane, a background that a second synthesis paints,
colours made from the rendered features by a modulated layer, and a camera shift of each sample's own.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from ..geometry.cameras import Camera, look_at
from ..geometry.emission import TwoPassConfig, two_pass
from ..geometry.feature_planes import EG3D_AXES, Axes, FeaturePlanes
from .stylegan import Dense, Mapping, MappingConfig, Noise, Synthesis, SynthesisConfig, ToImage, leaky
from .super_resolution import SuperResolution, SuperResolutionConfig

WIDTH = 0.001
"""By how much sigmoid colours may leave [0, 1] (EG3D, after Mip-NeRF)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneGanConfig:
    """Sizes and conventions."""

    mapping: MappingConfig
    synthesis: SynthesisConfig
    depth: int | None = None
    """Thickness of the planes in texels; None: plain planes."""
    axes: Axes = EG3D_AXES
    box: float = 1.0
    """Side of the box that the planes span."""
    label_scale: float = 1.0
    """By which the mapping's condition is multiplied; 0 leaves it blank."""
    features: int = 32
    hidden: int = 64
    """Of the decoder."""
    decoder_rate: float = 1.0
    activation: Literal["sigmoid", "lrelu", "none"] = "sigmoid"
    """Of the decoder's features."""
    colour_layer: bool = False
    """Whether a modulated layer makes colours from features; else the first three features are the colours."""
    background: SynthesisConfig | None = None
    shift: MappingConfig | None = None
    """Of the mapping that moves each sample's camera."""
    render: TwoPassConfig = field(default_factory=TwoPassConfig)
    large: SuperResolutionConfig | None = None
    centre: tuple[float, float, float] = (0.0, 0.0, 0.2)
    """What the usual camera looks at."""
    radius: float = 2.7
    """Its distance from the origin."""
    focal: float = 4.2647
    """Its focal length over the picture's side."""
    level: float = 10.0
    """Raw density at the surface, as the published programs extract shapes."""
    trim: float = 30 / 256
    """Share of the box at each side where shapes are cut off, as those programs do: background gathers there."""

    @classmethod
    def tiny(cls) -> "PlaneGanConfig":
        """For tests."""
        return cls(
            mapping=MappingConfig(z=16, w=16, layers=2),
            synthesis=SynthesisConfig(w=16, side=16, channels=3 * 8, base=128, most=16),
            features=8, hidden=16, render=TwoPassConfig(coarse=8, fine=8),
        )  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "PlaneGanConfig":
        """Rebuild from what `to_json` gave."""
        parts = {"mapping": MappingConfig, "synthesis": SynthesisConfig, "background": SynthesisConfig,
                 "shift": MappingConfig, "render": TwoPassConfig, "large": SuperResolutionConfig}  # fmt: skip
        values = dict(stored)
        for name, kind in parts.items():
            values[name] = None if stored[name] is None else kind(**stored[name])
        first, second, third = (tuple(each) for each in stored["axes"])
        return cls(**values | {"axes": (first, second, third), "centre": tuple(stored["centre"])})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class GanView:
    """One batch of pictures, colours in [-1, 1], top row first."""

    raw: Float[Tensor, "B 3 H W"]
    """As it was rendered."""
    depth: Float[Tensor, "B 1 H W"]
    alpha: Float[Tensor, "B 1 H W"]
    """Coverage by what the volume holds."""
    large: Float[Tensor, "B 3 G V"] | None
    """After super-resolution, where the model has it and it was asked for."""


class PointDecoder(nn.Module):
    """Features of the planes at a point to colour features and raw density: one hidden softplus layer."""

    def __init__(self, config: PlaneGanConfig) -> None:
        super().__init__()
        self.first = Dense(config.features, config.hidden, config.decoder_rate)
        self.last = Dense(config.hidden, 1 + config.features, config.decoder_rate)
        self.activation = config.activation

    def forward(self, seen: Float[Tensor, "*B 3 C"]) -> tuple[Float[Tensor, "*B C"], Float[Tensor, "*B 1"]]:
        out = self.last(functional.softplus(self.first(seen.mean(-2))))
        colour, raw = out[..., 1:], out[..., :1]
        if self.activation == "sigmoid":
            colour = torch.sigmoid(colour) * (1 + 2 * WIDTH) - WIDTH
        elif self.activation == "lrelu":
            colour = leaky(colour)
        return colour, raw


class PlaneGan(nn.Module):
    """Latent and camera to pictures; or latent to planes, of which avatars are made."""

    def __init__(self, config: PlaneGanConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(config.mapping)
        self.synthesis = Synthesis(config.synthesis)
        self.decoder = PointDecoder(config)
        self.to_colour = ToImage(config.features, 3, config.mapping.w) if config.colour_layer else None
        self.background = Synthesis(config.background) if config.background else None
        self.shift = Mapping(config.shift) if config.shift else None
        self.large = SuperResolution(config.large) if config.large else None

    def styles(
        self,
        z: Float[Tensor, "B Z"],
        label: Float[Tensor, "B L"] | None = None,
        truncation: float = 1.0,
        cutoff: int | None = None,
    ) -> Float[Tensor, "B K W"]:
        """One style per layer; `truncation` draws the first `cutoff` (all unless given) towards the mean.

        `label` is a camera's pose (row by row) and intrinsics; the usual camera's unless given.
        """
        label = self._label(z, label)
        count = self.config.synthesis.styles
        far = self.mapping(z, label)
        near = self.mapping(z, label, truncation)
        whole = count if cutoff is None else min(cutoff, count)
        return torch.stack([near] * whole + [far] * (count - whole), 1)

    def planes(self, styles: Float[Tensor, "B K W"], noise: Noise = "const") -> FeaturePlanes:
        """The volume's features."""
        config = self.config
        image = self.synthesis(styles, noise)
        batch, _, side, _ = image.shape
        depth = () if config.depth is None else (config.depth,)
        return FeaturePlanes(image.reshape(batch, 3, -1, *depth, side, side), config.axes, config.box / 2)

    def forward(
        self,
        styles: Float[Tensor, "B K W"],
        camera: Camera,
        side: int,
        *,
        noise: Noise = "const",
        large: bool = False,
        random: torch.Generator | None = None,
    ) -> GanView:
        """Pictures of a batch of styles by as many cameras, volume-rendered at `side`."""
        config = self.config
        planes = self.planes(styles, noise)
        rays = camera.rays(side, side)
        seen = two_pass(lambda points: self.decoder(planes.sample(points)), rays, planes.half, config.render, random)
        features, depth, alpha = (_as_picture(each, side) for each in (seen.colour, seen.depth, seen.alpha))
        if config.activation == "sigmoid":
            features = features * 2 - 1
        if self.background is not None:
            behind = self.background(_as_many(styles, self.background.config.styles), noise)
            # PanoHead takes the antialiasing of its super-resolution here as well.
            smooth = config.large is None or config.large.antialias
            behind = functional.interpolate(behind, (side, side), mode="bilinear", antialias=smooth)
            features = features + (1 - alpha) * behind
        raw = features[:, :3] if self.to_colour is None else self.to_colour(features, styles[:, -1])
        bigger = self.large(raw, features, styles[:, -1]) if large and self.large is not None else None
        return GanView(raw, depth, alpha, bigger)

    def colour_matrix(self, style: Float[Tensor, "1 W"]) -> tuple[Float[Tensor, "3 C"], Float[Tensor, " 3"]]:
        """What makes sRGB in [0, 1] of one point's features, for the colours of a surface: rgb = M features + b."""
        config = self.config
        if self.to_colour is None:
            matrix, shift = torch.eye(3, config.features).to(style), torch.zeros(3).to(style)
        else:
            matrix, shift = self.to_colour.matrix(style)[0], self.to_colour.bias
        if config.activation == "sigmoid":  # the features are scaled to [-1, 1] first
            matrix, shift = 2 * matrix, shift - matrix.sum(1)
        return matrix / 2, (shift + 1) / 2

    def shifted(self, z: Float[Tensor, "B Z"], camera: Camera, truncation: float = 1.0) -> Camera:
        """The camera with a sample's own shift, in a model that has them."""
        if self.shift is None:
            return camera
        move = self.shift(z, self._label(z, _camera_label(camera, len(z))), truncation)
        pose = camera.cam_to_world.clone()
        pose[..., :3, 3] += move
        return Camera(pose, camera.intrinsics)

    def parts(self) -> Iterator[str]:
        """What this model has beside planes and decoder, in words."""
        if self.background is not None:
            yield "background"
        if self.shift is not None:
            yield "camera shift"
        if self.large is not None:
            yield "super-resolution"

    def _label(self, z: Float[Tensor, "B Z"], label: Float[Tensor, "B L"] | None) -> Float[Tensor, "B L"] | None:
        count = self.config.mapping.labels
        if not count:
            return None
        if label is None:
            label = _camera_label(usual_camera(self.config), len(z)).to(z)
        return label * self.config.label_scale


def usual_camera(config: PlaneGanConfig) -> Camera:
    """From the front, as its pictures were taken."""
    pose = look_at(torch.tensor([0.0, 0.0, config.radius]), torch.tensor(config.centre))
    focal = config.focal
    return Camera(pose, torch.tensor([[focal, 0.0, 0.5], [0.0, focal, 0.5], [0.0, 0.0, 1.0]]))


def _camera_label(camera: Camera, batch: int) -> Float[Tensor, "B 25"]:
    pose, intrinsics = camera.cam_to_world.reshape(-1, 16), camera.intrinsics.reshape(-1, 9)
    return torch.cat([pose, intrinsics], 1).expand(batch, -1)


def _as_picture(values: Float[Tensor, "B M C"], side: int) -> Float[Tensor, "B C S S"]:
    return values.permute(0, 2, 1).reshape(len(values), -1, side, side)


def _as_many(styles: Float[Tensor, "B K W"], count: int) -> Float[Tensor, "B L W"]:
    missing = count - styles.shape[1]
    if missing <= 0:
        return styles[:, :count]
    return torch.cat([styles, styles[:, -1:].expand(-1, missing, -1)], 1)
