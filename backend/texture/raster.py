# SPDX-License-Identifier: GPL-3.0-or-later
"""Which triangle covers which pixel, in texture space and before a camera.

One scanline kernel for both: a pixel belongs to the triangle that holds its centre; of several the nearest wins.
Barycentric weights are those of the surface, also under perspective.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numba import njit

from ..geometry.cameras import Camera
from ..surface.mesh import Mesh


@dataclass(frozen=True, slots=True)
class Raster:
    """What each pixel shows, top row first."""

    face: Int[np.ndarray, "H W"]
    """Face number, -1 where there is none."""
    weights: Float[np.ndarray, "H W 3"]
    """Barycentric weights of the face's corners, 0 where there is none."""
    depth: Float[np.ndarray, "H W"]
    """Distance along the optical axis, infinite where nothing is seen; 1 in texture space."""

    def interpolate(self, faces: Int[np.ndarray, "F 3"], values: Float[np.ndarray, "V C"]) -> Float[np.ndarray, "N C"]:
        """Vertex values at the covered pixels, in reading order."""
        rows = self.face >= 0
        return mix(faces[self.face[rows]], self.weights[rows], np.ascontiguousarray(values, np.float32))


def raster_uv(mesh: Mesh, size: int) -> Raster:
    """The texels of a mesh with texture coordinates; corners and small faces claim the free texel they lie in."""
    if mesh.uv is None:
        raise ValueError("the mesh has no texture coordinates; call unwrap first")
    pixels = np.stack([mesh.uv[:, 0], 1 - mesh.uv[:, 1]], 1) * np.float32(size)
    out = _raster(pixels, np.ones(len(pixels), np.float32), mesh.faces, size, size)
    _claim(np.ascontiguousarray(pixels, np.float64), mesh.faces, out.face, out.weights, out.depth)
    return out


def raster_view(mesh: Mesh, camera: Camera, height: int, width: int) -> Raster:
    """The pixels of a mesh before a camera; faces that reach behind it are left out."""
    import torch

    place, depth = camera.project(torch.from_numpy(mesh.vertices))
    pixels = place.numpy() * np.array([width, height], np.float32)
    return _raster(pixels, depth.numpy(), mesh.faces, height, width)


def raster_flat(
    pixels: Float[np.ndarray, "V 2"], depth: Float[np.ndarray, " V"], faces: Int[np.ndarray, "F 3"], size: int
) -> Float[np.ndarray, "S S"]:
    """Depth of what parallel rays see first, infinite where that is nothing; pixels are (column, row)."""
    # Far away perspective is none: weights by reciprocal depth are linear then.
    away = 100 * float(np.ptp(depth) + 1e-6)
    return _raster(pixels, depth + away, faces, size, size).depth - np.float32(away)


@njit(cache=True, nogil=True)
def mix(
    corners: Int[np.ndarray, "N 3"], weights: Float[np.ndarray, "N 3"], values: Float[np.ndarray, "V C"]
) -> Float[np.ndarray, "N C"]:
    """Weighted sums of three rows of `values` each."""
    count, channels = len(corners), values.shape[1]
    out = np.empty((count, channels), np.float32)
    for row in range(count):
        for channel in range(channels):
            out[row, channel] = (
                weights[row, 0] * values[corners[row, 0], channel]
                + weights[row, 1] * values[corners[row, 1], channel]
                + weights[row, 2] * values[corners[row, 2], channel]
            )
    return out


def _raster(
    pixels: Float[np.ndarray, "V 2"],
    depth: Float[np.ndarray, " V"],
    faces: Int[np.ndarray, "F 3"],
    height: int,
    width: int,
) -> Raster:
    out = Raster(
        np.full((height, width), -1, np.int32),
        np.zeros((height, width, 3), np.float32),
        np.full((height, width), np.inf, np.float32),
    )
    _scan(
        np.ascontiguousarray(pixels, np.float64),
        np.ascontiguousarray(depth, np.float64),
        np.ascontiguousarray(faces, np.int32),
        out.face,
        out.weights,
        out.depth,
    )
    return out


@njit(cache=True, nogil=True)
def _scan(pixels, depth, faces, face_out, weights_out, depth_out):
    height, width = face_out.shape
    for face in range(len(faces)):
        a, b, c = faces[face, 0], faces[face, 1], faces[face, 2]
        if depth[a] <= 0 or depth[b] <= 0 or depth[c] <= 0:
            continue
        ax, ay, bx, by, cx, cy = pixels[a, 0], pixels[a, 1], pixels[b, 0], pixels[b, 1], pixels[c, 0], pixels[c, 1]
        twice = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if twice == 0:
            continue
        inverse = 1.0 / twice
        top = max(0, int(np.ceil(min(ay, by, cy) - 0.5)))
        bottom = min(height - 1, int(np.floor(max(ay, by, cy) - 0.5)))
        for row in range(top, bottom + 1):
            y = row + 0.5
            # The span of this row: each weight is linear in x, so each bounds x from one side.
            low, high = min(ax, bx, cx), max(ax, bx, cx)
            for edge in range(3):
                if edge == 0:
                    px, py, qx, qy = bx, by, cx, cy
                elif edge == 1:
                    px, py, qx, qy = cx, cy, ax, ay
                else:
                    px, py, qx, qy = ax, ay, bx, by
                slope = -(qy - py) * inverse
                offset = (qx - px) * (y - py) * inverse + (qy - py) * px * inverse
                if slope > 0:
                    low = max(low, -offset / slope)
                elif slope < 0:
                    high = min(high, -offset / slope)
                elif offset < 0:
                    low = high + 2.0
            first = max(0, int(np.ceil(low - 0.5)))
            last = min(width - 1, int(np.floor(high - 0.5)))
            for column in range(first, last + 1):
                x = column + 0.5
                wa = ((bx - x) * (cy - y) - (cx - x) * (by - y)) * inverse
                wb = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) * inverse
                wa = min(max(wa, 0.0), 1.0) / depth[a]
                wb = min(max(wb, 0.0), 1.0) / depth[b]
                wc = max(1.0 - wa * depth[a] - wb * depth[b], 0.0) / depth[c]
                total = wa + wb + wc
                here = 1.0 / total
                if here < depth_out[row, column]:
                    depth_out[row, column] = here
                    face_out[row, column] = face
                    weights_out[row, column, 0] = wa * here
                    weights_out[row, column, 1] = wb * here
                    weights_out[row, column, 2] = wc * here


@njit(cache=True, nogil=True)
def _claim(
    pixels: Float[np.ndarray, "V 2"],
    faces: Int[np.ndarray, "F 3"],
    face_out: Int[np.ndarray, "H W"],
    weights_out: Float[np.ndarray, "H W 3"],
    depth_out: Float[np.ndarray, "H W"],
) -> None:
    # A chart or the tip of one that holds no texel's centre would otherwise show its neighbour's colour.
    height, width = face_out.shape
    shown = np.zeros(len(faces), np.bool_)
    for row in range(height):
        for column in range(width):
            if face_out[row, column] >= 0:
                shown[face_out[row, column]] = True
    for face in range(len(faces)):
        for corner in range(3 if shown[face] else 4):
            x, y = 0.0, 0.0
            for other in range(3):
                share = 1.0 / 3 if corner == 3 else (1.0 if other == corner else 0.0)
                x += share * pixels[faces[face, other], 0]
                y += share * pixels[faces[face, other], 1]
            row = min(max(int(y), 0), height - 1)
            column = min(max(int(x), 0), width - 1)
            if face_out[row, column] < 0:
                face_out[row, column] = face
                depth_out[row, column] = 1.0
                for other in range(3):
                    weights_out[row, column, other] = 1.0 / 3 if corner == 3 else (1.0 if other == corner else 0.0)
