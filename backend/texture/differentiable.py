# SPDX-License-Identifier: GPL-3.0-or-later
"""A view of a textured mesh as a linear map of the texture, and the exact transpose of that map.

Rasterisation decides once which texels a pixel averages; from then on a picture is `render(texture) = A texture`, whose
derivative is A itself and whose gradient of any loss is `pull_back(loss gradient) = A^T gradient`. A is never stored:
both directions walk samples -> two mip levels of four texels each (Williams 1983) -> texels, with padding around charts
taken from the nearest texel on the mesh, so that what a seam shows changes the seam and nothing beside it.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int
from numba import njit

from ..geometry.cameras import Camera
from ..surface.mesh import Mesh
from .raster import Raster, raster_view

SAMPLES = 2
"""Samples along each side of a pixel."""
MOST_LEVELS = 4
"""Mip levels, the finest included."""


@dataclass(frozen=True, slots=True)
class Texels:
    """The texels on a mesh as the rows of one array, in reading order."""

    coverage: Bool[np.ndarray, "T T"]
    """Texels whose centre lies on the mesh."""
    source: Int[np.ndarray, "T T"] = field(repr=False)
    """For every texel the row of the nearest covered one."""
    inside: Float[np.ndarray, "T T"] = field(repr=False)
    """Distance to the border of the chart, texels; 0 outside."""

    @staticmethod
    def of(coverage: Bool[np.ndarray, "T T"]) -> "Texels":
        """Rows for a coverage that is not empty."""
        import cv2

        gaps = np.where(coverage, 0, 255).astype(np.uint8)
        _, label = cv2.distanceTransformWithLabels(gaps, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
        row = np.zeros(int(label.max()) + 1, np.int32)
        row[label[coverage]] = np.arange(int(coverage.sum()), dtype=np.int32)
        inside = cv2.distanceTransform(coverage.astype(np.uint8), cv2.DIST_L2, 3)
        return Texels(coverage, row[label], np.asarray(inside))

    @property
    def size(self) -> int:
        """Side of the texture."""
        return len(self.coverage)

    def __len__(self) -> int:
        return int(self.coverage.sum())

    def image(self, rows: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "T T C"]:
        """Rows as a texture, padded everywhere."""
        return rows[self.source]


@dataclass(frozen=True, slots=True)
class TextureView:
    """A camera's picture of a mesh as a map of its texels."""

    texels: Texels
    raster: Raster
    """At `samples` samples along each side of a pixel."""
    samples: int
    cover: Float[np.ndarray, "S S"]
    """Share of each pixel that shows the mesh."""
    pixel: Int[np.ndarray, " M"]
    """Pixel number of each sample that shows the mesh, in reading order of the samples."""
    place: Float[np.ndarray, "M 2"]
    """Its place in the texture (column, row), in texels from the top left corner."""
    level: Float[np.ndarray, " M"]
    """Its mip level, 0 the finest."""

    @property
    def side(self) -> int:
        """Of the picture, pixels."""
        return len(self.cover)

    def render(self, rows: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "S S C"]:
        """Each pixel's mean over its part of the mesh; 0 where there is none."""
        pyramid, starts, sides = _build(self.texels.image(np.ascontiguousarray(rows, np.float32)))
        out = np.zeros((self.side**2, rows.shape[1]), np.float32)
        _look(pyramid, starts, sides, self.place, self.level, self.pixel, out)
        return (out * self._share()[:, None]).reshape(self.side, self.side, -1)

    def pull_back(self, picture: Float[np.ndarray, "S S C"]) -> Float[np.ndarray, "N C"]:
        """The transpose of `render`: `(render(t) * p).sum() == (t * pull_back(p)).sum()`."""
        channels = picture.shape[2]
        scaled = np.ascontiguousarray(picture.reshape(-1, channels) * self._share()[:, None], np.float32)
        starts, sides = _layout(self.texels.size)
        pyramid = np.zeros((int(starts[-1] + sides[-1] ** 2), channels), np.float32)
        _scatter(pyramid, starts, sides, self.place, self.level, self.pixel, scaled)
        out = np.zeros((len(self.texels), channels), np.float32)
        _gather_rows(_collapse(pyramid, starts, sides), self.texels.source.reshape(-1), out)
        return out

    def average(self, values: Float[np.ndarray, "M C"]) -> Float[np.ndarray, "S S C"]:
        """Values of the samples as each pixel's mean over its part of the mesh; 0 where there is none."""
        count = self.side**2
        sums = [np.bincount(self.pixel, values[:, axis], count) for axis in range(values.shape[1])]
        out = np.stack(sums, 1) * self._share()[:, None]
        return out.reshape(self.side, self.side, -1).astype(np.float32)

    def _share(self) -> Float[np.ndarray, " P"]:
        """What one sample counts in its pixel."""
        return (1 / np.maximum(self.cover * self.samples**2, 1)).reshape(-1).astype(np.float32)


def texture_view(mesh: Mesh, camera: Camera, side: int, texels: Texels, samples: int = SAMPLES) -> TextureView:
    """The map of one square view; the mip level of a sample is that of its triangle's scale."""
    if mesh.uv is None:
        raise ValueError("the mesh has no texture coordinates; call unwrap first")
    import torch

    fine = side * samples
    raster = raster_view(mesh, camera, fine, fine)
    shown = np.flatnonzero(raster.face.reshape(-1) >= 0)
    row, column = np.divmod(shown, fine)
    pixel = ((row // samples) * side + column // samples).astype(np.int32)
    cover = np.bincount(pixel, minlength=side * side).reshape(side, side) / samples**2
    uv = raster.interpolate(mesh.faces, mesh.uv)
    place = np.stack([uv[:, 0], 1 - uv[:, 1]], 1) * np.float32(texels.size)
    flat = camera.project(torch.from_numpy(mesh.vertices))[0].numpy() * fine
    on_screen, on_texture = _areas(flat[mesh.faces]), _areas((mesh.uv * texels.size)[mesh.faces])
    face_level = 0.5 * np.log2(np.maximum(on_texture, 1e-12) / np.maximum(on_screen, 1e-12))
    highest = len(_layout(texels.size)[0]) - 1
    level = np.clip(face_level, 0, highest)[raster.face.reshape(-1)[shown]]
    # The eight texels reach one and a half of their sides away: no further than the chart and half its padding.
    across, down = np.clip(place.astype(np.int64), 0, texels.size - 1).T
    reach = np.log2((texels.inside[down, across] + 1) / 1.5)
    level = np.clip(np.minimum(level, reach), 0, None).astype(np.float32)
    return TextureView(texels, raster, samples, cover.astype(np.float32), pixel, place.astype(np.float32), level)


def _areas(corners: Float[np.ndarray, "F 3 2"]) -> Float[np.ndarray, " F"]:
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return 0.5 * np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0])


def _layout(size: int) -> tuple[Int[np.ndarray, " L"], Int[np.ndarray, " L"]]:
    """First row and side of each mip level in one array; halving ends at an odd side."""
    sides = [size]
    while len(sides) < MOST_LEVELS and sides[-1] % 2 == 0 and sides[-1] > 2:
        sides.append(sides[-1] // 2)
    starts = np.concatenate([[0], np.cumsum([side * side for side in sides])])[:-1]
    return starts.astype(np.int64), np.array(sides, np.int64)


def _build(
    image: Float[np.ndarray, "T T C"],
) -> tuple[Float[np.ndarray, "K C"], Int[np.ndarray, " L"], Int[np.ndarray, " L"]]:
    starts, sides = _layout(len(image))
    pyramid = np.empty((int(starts[-1] + sides[-1] ** 2), image.shape[2]), np.float32)
    for start, side in zip(starts, sides, strict=True):
        pyramid[start : start + side * side] = image.reshape(side * side, -1)
        half = image[: side // 2 * 2, : side // 2 * 2]
        image = 0.25 * (half[::2, ::2] + half[1::2, ::2] + half[::2, 1::2] + half[1::2, 1::2])
    return pyramid, starts, sides


def _collapse(
    pyramid: Float[np.ndarray, "K C"], starts: Int[np.ndarray, " L"], sides: Int[np.ndarray, " L"]
) -> Float[np.ndarray, "T2 C"]:
    """The transpose of `_build`: what each level received, spread over the four texels it was the mean of."""
    level = len(sides) - 1
    own = [pyramid[start : start + side * side].reshape(side, side, -1) for start, side in zip(starts, sides)]  # noqa: B905
    while level > 0:
        quarter = 0.25 * own[level]
        below = own[level - 1]
        for down in (0, 1):
            for right in (0, 1):
                below[down::2, right::2] += quarter
        level -= 1
    return own[0].reshape(-1, pyramid.shape[1])


@njit(cache=True, nogil=True)
def _taps(place, level, starts, sides, index, weight):
    """Rows and weights of the eight texels of one sample."""
    low = min(int(level), len(sides) - 1)
    share = level - low
    for step in range(2):
        here = min(low + step, len(sides) - 1)
        part = share if step else 1.0 - share
        side = sides[here]
        x = place[0] / (1 << here) - 0.5
        y = place[1] / (1 << here) - 0.5
        x = min(max(x, 0.0), side - 1.0)
        y = min(max(y, 0.0), side - 1.0)
        left, top = min(int(x), side - 2), min(int(y), side - 2)
        u, v = x - left, y - top
        first = starts[here] + top * side + left
        base = 4 * step
        index[base] = first
        index[base + 1] = first + 1
        index[base + 2] = first + side
        index[base + 3] = first + side + 1
        weight[base] = part * (1 - u) * (1 - v)
        weight[base + 1] = part * u * (1 - v)
        weight[base + 2] = part * (1 - u) * v
        weight[base + 3] = part * u * v


@njit(cache=True, nogil=True)
def _look(pyramid, starts, sides, place, level, pixel, out):
    index, weight = np.empty(8, np.int64), np.empty(8, np.float64)
    for sample in range(len(place)):
        _taps(place[sample], level[sample], starts, sides, index, weight)
        target = pixel[sample]
        for tap in range(8):
            if weight[tap] > 0:
                for channel in range(pyramid.shape[1]):
                    out[target, channel] += weight[tap] * pyramid[index[tap], channel]


@njit(cache=True, nogil=True)
def _scatter(pyramid, starts, sides, place, level, pixel, values):
    index, weight = np.empty(8, np.int64), np.empty(8, np.float64)
    for sample in range(len(place)):
        _taps(place[sample], level[sample], starts, sides, index, weight)
        origin = pixel[sample]
        for tap in range(8):
            if weight[tap] > 0:
                for channel in range(pyramid.shape[1]):
                    pyramid[index[tap], channel] += weight[tap] * values[origin, channel]


@njit(cache=True, nogil=True)
def _gather_rows(image, source, out):
    for texel in range(len(source)):
        for channel in range(image.shape[1]):
            out[source[texel], channel] += image[texel, channel]
