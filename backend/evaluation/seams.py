# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a repainted texture hangs together: at the borders of charts, at the borders of views, between views."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8

from ..geometry.cameras import Camera, orbit
from ..surface.mesh import Mesh
from ..texture.differentiable import Texels, TextureView, texture_view
from ..texture.maps import TextureSet
from ..texture.preview import bilinear

APART = 1e-5
"""Distance of texture coordinates from which two corners at one place count as split."""
BOTH = 0.2
"""Weight with which two views must both show a texel to be compared there."""
LOOKS, LOOK = 4, 384
"""Views in which sharpness is measured, and their side."""


def chart_seams(mesh: Mesh, textures: TextureSet) -> float:
    """Mean colour difference, of 255, between the two sides of chart borders: the same points, two places in the
    texture."""
    first, second = seam_places(mesh)
    one, two = (bilinear(textures.albedo, _texels(places, textures.size)) for places in (first, second))
    return float(np.abs(one - two).mean()) if len(first) else 0.0


def seam_places(mesh: Mesh) -> tuple[Float[np.ndarray, "E 2"], Float[np.ndarray, "E 2"]]:
    """Texture coordinates of the middles of seam edges, as either face has them."""
    assert mesh.uv is not None
    welded = mesh.welded()[mesh.faces]
    starts, ends = welded.reshape(-1), np.roll(welded, -1, 1).reshape(-1)
    uv = mesh.uv[mesh.faces]
    middles = (0.5 * (uv + np.roll(uv, -1, 1))).reshape(-1, 2)
    keys = np.minimum(starts, ends).astype(np.int64) * (int(welded.max()) + 1) + np.maximum(starts, ends)
    order = np.argsort(keys, kind="stable")
    pair = order[:-1][keys[order][:-1] == keys[order][1:]]
    mate = order[1:][keys[order][:-1] == keys[order][1:]]
    apart = np.abs(middles[pair] - middles[mate]).max(1) > APART
    return middles[pair[apart]], middles[mate[apart]]


def view_seams(mesh: Mesh, textures: TextureSet, cameras: Sequence[Camera]) -> float:
    """How much steeper colours are where the best view changes than where it does not, of 255 per hundredth of the box.

    A texture's own edges lie anywhere: compare with what the texture had before.
    """
    assert mesh.uv is not None
    welded = mesh.welded()
    best = np.zeros(int(welded.max()) + 1, np.int64)
    best[welded] = best_view(mesh, cameras)
    ends = np.unique(np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]]]), axis=1), axis=0)
    colours = bilinear(textures.albedo, _texels(mesh.uv, textures.size))
    length = np.linalg.norm(mesh.vertices[ends[:, 0]] - mesh.vertices[ends[:, 1]], axis=1)
    steep = np.abs(colours[ends[:, 0]] - colours[ends[:, 1]]).mean(1) / np.maximum(100 * length, 1e-3)
    border = best[welded[ends[:, 0]]] != best[welded[ends[:, 1]]]
    return float(steep[border].mean() - steep[~border].mean()) if border.any() and not border.all() else 0.0


def best_view(mesh: Mesh, cameras: Sequence[Camera]) -> Int[np.ndarray, " V"]:
    """The number of the camera that faces each vertex most; what hides what is left out of account."""
    normals = mesh.normals()
    cosines = []
    for camera in cameras:
        towards = camera.cam_to_world[:3, 3].numpy() - mesh.vertices
        cosines.append((normals * towards / np.linalg.norm(towards, axis=1, keepdims=True)).sum(1))
    return np.argmax(cosines, axis=0)


def views_disagree(
    looks: Sequence[TextureView],
    weights: Sequence[Float[np.ndarray, "S S"]],
    pictures: Sequence[UInt8[np.ndarray, "S S 3"]],
) -> float:
    """Mean colour difference, of 255, between pictures where two of them show the same texel well."""
    told = []
    for look, weight, shown in zip(looks, weights, pictures, strict=True):
        inside = (weight * (look.cover > 0))[..., None].astype(np.float32)
        ones = (look.cover > 0).astype(np.float32)[..., None]
        sums = look.pull_back(np.concatenate([shown.astype(np.float32) * inside, inside, ones], 2))
        colour = sums[:, :3] / np.maximum(sums[:, 3:4], 1e-9)
        told.append((colour, np.where(sums[:, 4] > 0, sums[:, 3] / np.maximum(sums[:, 4], 1e-9), 0)))
    total = mass = 0.0
    for number, (colour, known) in enumerate(told):
        for other, also in told[number + 1 :]:
            share = np.where(np.minimum(known, also) > BOTH, np.minimum(known, also), 0)
            total += float((share * np.abs(colour - other).mean(1)).sum())
            mass += float(share.sum())
    return total / mass if mass else 0.0


def sharpness(mesh: Mesh, textures: TextureSet) -> float:
    """Mean size of the Laplacian, of 255, in views between those that paint; outlines are left out."""
    texels = Texels.of(textures.coverage)
    grey = textures.albedo[textures.coverage].astype(np.float32).mean(1, keepdims=True)
    sizes = []
    for number in range(LOOKS):
        look = texture_view(mesh, orbit(math.pi / 8 + 2 * math.pi * number / LOOKS, 0.1), LOOK, texels)
        inner = cv2.erode((look.cover == 1).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
        sizes.append(np.abs(cv2.Laplacian(look.render(grey)[..., 0], cv2.CV_32F)[inner]).mean())
    return float(np.mean(sizes))


def _texels(uv: Float[np.ndarray, "N 2"], size: int) -> Float[np.ndarray, "N 2"]:
    return (np.stack([uv[:, 0], 1 - uv[:, 1]], 1) * size - 0.5).astype(np.float32)
