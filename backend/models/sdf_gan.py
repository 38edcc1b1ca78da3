# SPDX-License-Identifier: GPL-3.0-or-later
"""WYSIWYG's generator: styles become feature planes, planes a signed distance with a width of its own, and colour.

Trevithick et al. 2024, section 3.1 and supplement. Every pixel that is shown is rendered from the volume; nothing is
enlarged as a picture. The features of a point are the product of what the three planes say (Hadamard, as K-Planes),
and the distance starts as that of a sphere (Atzmon and Lipman 2020), so that training begins with a closed surface.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ..geometry.cameras import Camera
from ..geometry.feature_planes import Axes, FeaturePlanes
from ..geometry.fields import TILE, PointValues
from ..geometry.lookup import channels_last
from ..geometry.sdf import spatial_beta
from .stylegan import Block, Mapping, MappingConfig, Noise, Synthesis, SynthesisConfig

AXES: Axes = ((0, 1, 2), (0, 2, 1), (1, 2, 0))
"""Columns, rows and thickness of the planes xy, xz and yz, as everywhere in Maquette."""
WIDTH = 0.001
"""By how much colours may leave [0, 1] while they are learned."""
SMALL = 0.1
"""Deviation of planes that begin near 1."""
SHARPNESS = 100.0
"""Of the softplus in the distance head: nearly a ReLU, as the spherical start demands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SdfGanConfig:
    """Sizes. The defaults are the published ones where they are published."""

    mapping: MappingConfig = field(default_factory=MappingConfig)
    synthesis: SynthesisConfig = field(default_factory=lambda: SynthesisConfig(base=65536))
    """Of T', whose side is half that of the planes; its channels are those of three planes."""
    last: int = 32
    """Channels of the hidden layers in the block that doubles each plane."""
    hidden: int = 128
    """Of the distance head; half as many say the rest to the colour head."""
    colour_hidden: int = 64
    octaves: int = 6
    """Of the position's sines and cosines."""
    view_octaves: int | None = 2
    """The same of the direction that a point is seen from; None: colour is the same from everywhere."""
    activation: Literal["softplus", "relu"] = "softplus"
    """Of both heads; the paper's table has the first, its text the second, which is several times faster."""
    radius: float = 0.6
    """Of the sphere that untrained weights hold, box units."""
    shared: bool = False
    """Whether planes that all people have in common are learned beside what styles say: features of faces that few
    pictures teach."""
    ones: bool = False
    """Whether planes begin near 1 instead of around 0 (Fridovich-Keil et al. 2023, K-Planes): their product is then
    nearly a sum, and what each plane should be can be learned at once."""
    case: bool = False
    """Whether planes of their own are added to everybody's: what one sentence needs beyond what the generator can
    make (Lei et al. 2023, the case-specific triplane)."""

    @classmethod
    def tiny(cls) -> "SdfGanConfig":
        """For tests."""
        return cls(
            mapping=MappingConfig(z=8, w=16, labels=0, layers=2),
            synthesis=SynthesisConfig(w=16, side=8, channels=3 * 4, base=64, most=16),
            last=8, hidden=16, colour_hidden=16, octaves=2, view_octaves=None, activation="relu",
        )  # fmt: skip

    @classmethod
    def small(cls) -> "SdfGanConfig":
        """Two million numbers: learns on one core in hours, on a graphics card in minutes."""
        return cls(
            mapping=MappingConfig(z=256, w=256, labels=0, layers=4),
            synthesis=SynthesisConfig(w=256, side=64, channels=3 * 16, base=4096, most=128),
            last=16, hidden=64, colour_hidden=32, octaves=5, view_octaves=None, activation="relu",
        )  # fmt: skip

    @classmethod
    def heads(cls) -> "SdfGanConfig":
        """Four million numbers, for a warm start: few numbers say who it is, and the way to styles is short."""
        return cls(
            mapping=MappingConfig(z=96, w=256, labels=0, layers=1, rate=1.0, linear_end=True),
            synthesis=SynthesisConfig(w=256, side=64, channels=3 * 16, base=6144, most=192),
            last=16, hidden=64, colour_hidden=32, octaves=3, view_octaves=None, activation="relu",
            ones=True, shared=True,
        )  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "SdfGanConfig":
        """Rebuild from what `to_json` gave."""
        parts = {"mapping": MappingConfig(**stored["mapping"]), "synthesis": SynthesisConfig(**stored["synthesis"])}
        return cls(**stored | parts)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)

    @property
    def features(self) -> int:
        """Channels of a plane."""
        return self.synthesis.channels // 3

    @property
    def side(self) -> int:
        """Of the planes, texels."""
        return 2 * self.synthesis.side

    @property
    def styles(self) -> int:
        """How many an avatar has: those of T', and two more for the block that doubles the planes."""
        return self.synthesis.styles + 2


class SdfHeads(nn.Module):
    """Features and place of a point to distance, width of the surface, and colour."""

    def __init__(self, config: SdfGanConfig) -> None:
        super().__init__()
        self.config = config
        said = config.hidden // 2
        place = 3 + 6 * config.octaves
        view = 0 if config.view_octaves is None else 3 + 6 * config.view_octaves
        self.first = nn.Linear(place + config.features, config.hidden)
        self.second = nn.Linear(config.hidden, config.hidden)
        self.shape = nn.Linear(config.hidden, 2 + said)
        self.colour_first = nn.Linear(said + view, config.colour_hidden)
        self.colour = nn.Linear(config.colour_hidden, 3)
        self._start()

    def forward(
        self,
        features: Float[Tensor, "N C"],
        points: Float[Tensor, "N 3"],
        seen_along: Float[Tensor, "#N 3"] | None = None,
    ) -> PointValues:
        """`seen_along` are unit vectors from the camera; straight from the front unless given."""
        out = self._shape(features, points)
        said = out[:, 2:]
        if self.config.view_octaves is not None:
            along = points.new_tensor([[0.0, 0.0, -1.0]]) if seen_along is None else seen_along
            said = torch.cat([said, waves(along, self.config.view_octaves).expand(len(said), -1)], 1)
        hidden = self.colour_first(said)
        hidden = functional.relu(hidden) if self.config.activation == "relu" else functional.softplus(hidden)
        rgb = torch.sigmoid(self.colour(hidden).float()) * (1 + 2 * WIDTH) - WIDTH
        return PointValues(out[:, 0].float(), rgb, spatial_beta(out[:, 1].float()))

    def sdf(self, features: Float[Tensor, "N C"], points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
        """The distance alone."""
        return self._shape(features, points)[:, 0].float()

    def shape_parameters(self) -> Iterator[nn.Parameter]:
        """What decides distance and width."""
        for layer in (self.first, self.second, self.shape):
            yield from layer.parameters()

    def colour_parameters(self) -> Iterator[nn.Parameter]:
        """What decides colour alone."""
        for layer in (self.colour_first, self.colour):
            yield from layer.parameters()

    def _shape(self, features: Tensor, points: Tensor) -> Tensor:
        hidden = self._active(self.first(torch.cat([waves(points, self.config.octaves), features], -1)))
        return self.shape(self._active(self.second(hidden)))

    def _active(self, x: Tensor) -> Tensor:
        return functional.relu(x) if self.config.activation == "relu" else functional.softplus(x, beta=SHARPNESS)

    @torch.no_grad()
    def _start(self) -> None:
        # Gropp et al. 2020 (IGR): such weights make of a point its distance from a sphere; waves and features begin
        # small beside the place itself.
        config = self.config
        place = 3 + 6 * config.octaves
        for layer in (self.first, self.second):
            nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / layer.out_features))
            nn.init.zeros_(layer.bias)
        self.first.weight[:, 3:place] *= 0.03
        if config.ones:
            self.first.weight[:, place:] *= 0.3
            self.first.bias.sub_(self.first.weight[:, place:].sum(1))  # the sphere is that of features of 1
        else:
            self.first.weight[:, place:] *= 0.0005  # products of three planes have enormous outliers
        nn.init.normal_(self.shape.weight, 0.0, 0.05)
        nn.init.zeros_(self.shape.bias)
        nn.init.normal_(self.shape.weight[:1], math.sqrt(math.pi / config.hidden), 1e-4)
        self.shape.bias[0] = -config.radius
        self.shape.weight[1] = 0  # the width of the surface begins at 0.01 everywhere


class SdfGan(nn.Module):
    """Latents to styles, styles to planes; `volume` is what one avatar's planes hold."""

    def __init__(self, config: SdfGanConfig) -> None:
        super().__init__()
        if config.synthesis.channels % 3 or config.synthesis.w != config.mapping.w:
            raise ValueError(
                f"T' must have the channels of three planes and styles of {config.mapping.w} numbers, got "
                f"{config.synthesis.channels} channels and styles of {config.synthesis.w}"
            )
        self.config = config
        self.mapping = Mapping(config.mapping)
        self.synthesis = Synthesis(config.synthesis)
        plane, w, clamp = config.features, config.synthesis.w, config.synthesis.clamp
        self.doubling = nn.ModuleList(
            Block(plane, config.last, plane, w, config.side, up=True, clamp=clamp) for _ in range(3)
        )
        self.heads = SdfHeads(config)
        if config.ones:
            self._near_ones()
        shape = (1, 3, config.features, config.side, config.side)
        self.case = nn.Parameter(torch.zeros(shape)) if config.case else None
        self.shared = nn.Parameter(torch.zeros(shape)) if config.shared else None

    def styles(
        self, z: Float[Tensor, "B Z"], label: Float[Tensor, "B L"] | None = None, truncation: float = 1.0
    ) -> Float[Tensor, "B K W"]:
        """One style for each layer, all the same; `truncation` below 1 draws them towards the mean person."""
        w = self.mapping(z, label, truncation)
        return w[:, None].expand(-1, self.config.styles, -1)

    def planes(self, styles: Float[Tensor, "B K W"], noise: Noise = "const") -> Float[Tensor, "B 3 C R R"]:
        """The feature planes of avatars, xy, xz and yz."""
        count = self.config.synthesis.styles
        coarse = self.synthesis(styles[:, :count], noise)
        last = styles[:, count - 1 :]  # a block's first style is the last of the one before
        parts = zip(coarse.chunk(3, 1), self.doubling, strict=True)
        planes = torch.stack([block(part, part, last, noise)[1] for part, block in parts], 1)
        # Every block adds an image of deviation 1; of larger ones the product of three would be enormous.
        planes = planes.float() / math.sqrt(len(self.synthesis.blocks) + 1)
        if self.config.ones:  # in full precision: half has few digits left near 1
            planes = planes + 1
        if self.shared is not None:
            planes = planes + self.shared
        return planes if self.case is None else planes + self.case

    @torch.no_grad()
    def _near_ones(self) -> None:
        for block in (*self.synthesis.blocks, *self.doubling):
            cast(Block, block).to_image.weight.mul_(SMALL)

    def volume(
        self, planes: Float[Tensor, "1 3 C R R"], camera: Camera | None = None, recompute: bool = False
    ) -> "SdfVolume":
        """One avatar as a volume with gradients; `camera` is what its colours are seen from."""
        return SdfVolume(planes, self.heads, camera, recompute)


class SdfVolume:
    """What planes hold, as `geometry.volume` renders it. Distances are not truncated, and not exact off the surface."""

    extent = 1.0

    def __init__(
        self, planes: Float[Tensor, "1 3 C R R"], heads: SdfHeads, camera: Camera | None = None, recompute: bool = False
    ) -> None:
        self.planes = FeaturePlanes(channels_last(planes), AXES, self.extent)
        self.heads, self.camera, self.recompute = heads, camera, recompute

    @property
    def device(self) -> torch.device:
        return self.planes.planes.device

    def features(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N C"]:
        """The product of what the planes say."""
        xy, xz, yz = self.planes.sample(points[None])[0].unbind(1)
        return xy * xz * yz

    def sdf(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
        return torch.cat([self.heads.sdf(self.features(tile), tile) for tile in points.split(TILE)])

    def rgb(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        return self.values(points).rgb

    def values(self, points: Float[Tensor, "N 3"]) -> PointValues:
        """Everything at once. With `recompute`, activations are computed again on the way back instead of kept."""
        tiles = points.split(TILE)
        if self.recompute and torch.is_grad_enabled():
            said = [PointValues(*checkpoint(self._plain_values, tile, use_reentrant=False)) for tile in tiles]
        else:
            said = [PointValues(*self._plain_values(tile)) for tile in tiles]
        return PointValues(
            torch.cat([tile.sdf for tile in said]),
            torch.cat([tile.rgb for tile in said]),
            torch.cat([tile.beta for tile in said]),
        )

    def _plain_values(self, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        along = None
        if self.camera is not None and self.heads.config.view_octaves is not None:
            eye = self.camera.cam_to_world[..., :3, 3].to(points.device)
            along = functional.normalize(points - eye, dim=-1)
        said = cast(PointValues, self.heads(self.features(points), points, along))
        return said.sdf, said.rgb, said.beta


def waves(points: Float[Tensor, "N 3"], octaves: int) -> Float[Tensor, "N K"]:
    """The numbers themselves, and sines and cosines of pi times their doubles (Mildenhall et al. 2020, eq. 4)."""
    angle = points[..., None, :] * (math.pi * 2.0 ** torch.arange(octaves, device=points.device))[:, None]
    return torch.cat([points, angle.sin().flatten(-2), angle.cos().flatten(-2)], -1)


def camera_label(camera: Camera) -> Float[Tensor, "B 25"]:
    """Cameras as EG3D's networks are told of them: pose row by row, then intrinsics."""
    return torch.cat([camera.cam_to_world.reshape(-1, 16), camera.intrinsics.reshape(-1, 9)], 1)
