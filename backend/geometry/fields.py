# SPDX-License-Identifier: GPL-3.0-or-later
"""What all later stages see of an avatar: signed distance and colour at points of the box."""

from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from . import TRUNCATION
from .lookup import Kernel, LayeredDecoder, channels_last, pack
from .triplane import Triplane

TILE = 16384
"""Points per query: larger tiles fall out of the processor's cache and take two to three times as long."""


@runtime_checkable
class Field(Protocol):
    """A bust in the box [-extent, extent]^3."""

    extent: float
    """Half the side of the box."""

    @property
    def device(self) -> torch.device:
        """Where queries are computed."""

    def sdf(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
        """Truncated signed distance, negative inside."""

    def rgb(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        """sRGB albedo in [0, 1]."""


@dataclass(frozen=True, slots=True)
class PointValues:
    """All that a volume says at points."""

    sdf: Float[Tensor, " N"]
    """Truncated signed distance, negative inside."""
    rgb: Float[Tensor, "N 3"]
    """sRGB albedo; in training a little beyond [0, 1]."""
    beta: Float[Tensor, " N"]
    """Width of the surface (see `sdf.laplace_density`), box units."""


@runtime_checkable
class VolumeField(Field, Protocol):
    """A field that is also a volume: its surface has a width."""

    def values(self, points: Float[Tensor, "N 3"]) -> PointValues:
        """Everything at once."""


@runtime_checkable
class FeatureDecoder(Protocol):
    """Turns summed plane features into distance and colour; its first layer is linear in the features."""

    first: torch.nn.Linear

    def sdf(self, features: Float[Tensor, "*B C"]) -> Float[Tensor, "*B"]:
        """Signed distance from raw features."""

    def rgb(self, features: Float[Tensor, "*B C"]) -> Float[Tensor, "*B 3"]:
        """Colour from raw features."""

    def values(self, features: Float[Tensor, "N C"]) -> PointValues:
        """Distance, colour and width of the surface from raw features; colours may leave [0, 1] a little."""

    def sdf_from_first(self, hidden: Float[Tensor, "*B K"]) -> Float[Tensor, "*B"]:
        """Signed distance from the output of the first linear layer."""


class TriplaneField:
    """The field of one triplane and its decoder."""

    extent = 1.0

    def __init__(self, triplane: Triplane, decoder: FeatureDecoder) -> None:
        if triplane.planes.shape[0] != 1:
            raise ValueError(f"a field is one avatar, got a batch of {triplane.planes.shape[0]}")
        self.triplane = Triplane(channels_last(triplane.planes.detach()))
        self.decoder = decoder
        self._packed: tuple[object, Kernel | None] = (None, None)

    @property
    def device(self) -> torch.device:
        return self.triplane.planes.device

    def kernel(self) -> Kernel | None:
        """Planes and decoder as compiled code takes them; None where there is none, as on a GPU."""
        tensors = [self.triplane.planes, *getattr(self.decoder, "parameters", list)()]
        # Tensors made in inference mode have no version; they belong to finished networks.
        stamp = [(values.data_ptr(), 0 if values.is_inference() else values._version) for values in tensors]
        if stamp != self._packed[0]:
            self._packed = stamp, pack(self.triplane.planes, self.decoder)
        return self._packed[1]

    @torch.inference_mode()
    def sdf(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
        if (kernel := self.kernel()) is not None:
            return kernel(points.cpu(), 1)[:, 0] * TRUNCATION
        return torch.cat([self.decoder.sdf(self._features(tile)) for tile in points.split(TILE)])

    @torch.inference_mode()
    def rgb(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        if (kernel := self.kernel()) is not None:
            return cast(LayeredDecoder, self.decoder).read(kernel(points.cpu())).rgb.clamp(0, 1)
        return torch.cat([self.decoder.rgb(self._features(tile)) for tile in points.split(TILE)])

    @torch.inference_mode()
    def values(self, points: Float[Tensor, "N 3"]) -> PointValues:
        """Everything at once, colours in [0, 1]; no gradients (see `PlanesField`)."""
        if (kernel := self.kernel()) is not None:
            values = cast(LayeredDecoder, self.decoder).read(kernel(points.cpu()))
            return PointValues(values.sdf, values.rgb.clamp(0, 1), values.beta)
        tiles = [self.decoder.values(self._features(tile)) for tile in points.split(TILE)]
        return PointValues(
            torch.cat([tile.sdf for tile in tiles]),
            torch.cat([tile.rgb for tile in tiles]).clamp(0, 1),
            torch.cat([tile.beta for tile in tiles]),
        )

    @torch.inference_mode()
    def lattice(self, side: int) -> Float[Tensor, "X Y Z"]:
        """Signed distance on a regular lattice whose first and last nodes lie on the box.

        The first layer is linear in summed features, so each plane is resampled and multiplied once (side^2) and a
        node only adds three vectors: exact, and about twice as fast as asking point by point.
        """
        axis = torch.linspace(-self.extent, self.extent, side, device=self.device)
        rows, columns = torch.meshgrid(axis, axis, indexing="ij")
        grid = torch.stack([columns, rows], -1)[None].expand(3, -1, -1, -1)
        planes = functional.grid_sample(
            self.triplane.planes[0], grid, padding_mode="border", align_corners=False
        ).permute(0, 2, 3, 1)
        first = self.decoder.first
        xy, xz, yz = functional.linear(planes, first.weight)
        out = torch.empty(side, side, side, device=self.device)
        for index in range(side):  # a slab of constant x stays in cache
            hidden = xy[:, index][:, None] + xz[:, index][None] + yz.transpose(0, 1) + first.bias
            out[index] = self.decoder.sdf_from_first(hidden)
        return out

    def _features(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N C"]:
        return self.triplane.sample(points[None].to(self.device))[0]


class PlanesField:
    """The volume of planes that are being fitted: gradients reach the planes and the decoder."""

    extent = 1.0

    def __init__(self, planes: Float[Tensor, "1 3 C R R"], decoder: FeatureDecoder) -> None:
        self.planes, self.decoder = planes, decoder

    @property
    def device(self) -> torch.device:
        return self.planes.device

    def sdf(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
        return self.decoder.sdf(self._features(points))

    def rgb(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        return self.decoder.rgb(self._features(points))

    def values(self, points: Float[Tensor, "N 3"]) -> PointValues:
        """Everything at once, as the decoder says it."""
        return self.decoder.values(self._features(points))

    def _features(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N C"]:
        return Triplane(self.planes).sample(points[None])[0]


class SoftField:
    """Any field as a volume whose surface is equally soft everywhere."""

    def __init__(self, field: Field, beta: float) -> None:
        if not beta > 0:
            raise ValueError(f"beta is the width of a surface and must be above 0, got {beta}")
        self.field, self.beta, self.extent = field, beta, field.extent

    @property
    def device(self) -> torch.device:
        return self.field.device

    def sdf(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
        return self.field.sdf(points)

    def rgb(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        return self.field.rgb(points)

    def values(self, points: Float[Tensor, "N 3"]) -> PointValues:
        """Everything at once, in one question where the field can."""
        if isinstance(self.field, VolumeField):
            inner = self.field.values(points)
            sdf, rgb = inner.sdf, inner.rgb
        else:
            sdf, rgb = self.field.sdf(points), self.field.rgb(points)
        return PointValues(sdf, rgb, torch.full_like(sdf, self.beta))
