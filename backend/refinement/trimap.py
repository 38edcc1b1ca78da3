# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a view is kept, repainted from what is there, or painted anew; and how far its pixels may be trusted.

The rule is that of TEXTure (arXiv 2302.01721) and Text2Tex (arXiv 2303.11396): a texel that was painted from a better
or similar angle is kept, one that is seen better now is repainted, one without a colour is made up. Borders are soft.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from ..geometry.cameras import Camera
from ..surface.mesh import Mesh
from ..texture.bake import quantise
from ..texture.differentiable import TextureView
from ..texture.project import smoothstep
from .canvas import Canvas
from .prior import View

BETTER = (0.1, 0.3)
"""Gain of the cosine over the best so far, from which keeping fades out; 0.2 in the middle, as in TEXTure."""
PAINTED = (0.1, 0.25)
"""Best cosine so far at which a texel begins to count as painted."""
FACING = (0.15, 0.45)
"""Cosine below which a pixel says nothing, and above which it says all."""
POWER = 4
"""Of the cosine in a pixel's weight: of two views of a place, the one that faces it decides."""
SOFT = 0.012
"""Blur of the masks, share of the side; they are grown by as much first, so that new paint overlaps the old."""
UNCOLOURED = 0.02
"""Share of known texels up to which a pixel is shown grey."""
FIXED = 0.02
"""How far a pixel may change, up to which it is kept."""
JUMP, SLOPE = 0.03, 4.0
"""Difference of depth (box units) that parts two surfaces, beyond what a surface of that slope has between pixels."""
EDGE = (0.003, 0.02)
"""Distance from an outline (share of the side) over which a pixel's weight grows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trimap:
    """A view for a prior, and what its answer is worth."""

    view: View
    facing: Float[np.ndarray, "S S"]
    """Cosine between surface and camera, of slightly smoothed normals; 0 off the head."""
    weight: Float[np.ndarray, "S S"]
    """Trust in each repainted pixel, in [0, 1]: 0 where it is kept."""


def trimap(
    mesh: Mesh,
    normals: Float[np.ndarray, "V 3"],
    camera: Camera,
    look: TextureView,
    canvas: Canvas,
    direction: tuple[float, float],
) -> Trimap:
    """The view of the canvas from `direction` (azimuth and elevation, radians), where `camera` stands."""
    shown = look.cover > 0
    normal, cosine = _normals(mesh, normals, camera, look, shown)
    depth, near_edge = _depth(camera, look, shown)
    coloured = canvas.known.astype(np.float32)[:, None]
    state = np.stack([canvas.best, canvas.free], 1)
    seen = look.render(np.concatenate([canvas.rows * coloured, coloured, state], 1))
    known, best, free = (np.clip(seen[..., axis], 0, 1) for axis in (3, 4, 5))
    # A pixel that texels without a colour share with others shows the others.
    colours = np.where(known[..., None] > UNCOLOURED, seen[..., :3] / np.maximum(known, UNCOLOURED)[..., None], 0.5)
    gain = cosine - best
    kept = (1 - smoothstep(gain, *BETTER)) * smoothstep(best, *PAINTED)
    kept = _soft(kept, shown, grow=False)
    # Where little may change the canvas lets little through: only what may not change at all is the prior's business.
    kept = np.where(shown & (free > FIXED), kept, 1)
    image = colours * look.cover[..., None] + (1 - look.cover[..., None])
    view = View(
        image=quantise(image),
        shown=shown,
        normal=normal,
        depth=depth,
        generate=np.where(shown, _soft(1 - known, shown, grow=True) * (free > FIXED), 0).astype(np.float32),
        keep=np.where(shown, kept, 1).astype(np.float32),
        azimuth=direction[0],
        elevation=direction[1],
    )
    trust = smoothstep(cosine, *FACING) * np.clip(cosine, 0, 1) ** POWER * near_edge
    return Trimap(view=view, facing=cosine, weight=np.where(shown, trust * (1 - kept), 0).astype(np.float32))


def anchored(picture: Float[np.ndarray, "S S 3"], trimap: Trimap) -> Float[np.ndarray, "S S 3"]:
    """The repainted picture without the shift of tone that it has against what is kept, near that.

    A prior may reproduce kept pixels a shade off; the difference there, carried outward, is taken from its own paint.
    """
    view = trimap.view
    kept = np.where(view.shown, view.keep * (1 - view.generate), 0).astype(np.float32)
    difference = (view.image.astype(np.float32) / 255 - picture) * kept[..., None]
    sigma = 0.05 * len(picture)
    spread = np.asarray(cv2.GaussianBlur(np.concatenate([difference, kept[..., None]], 2), (0, 0), sigma))
    # Far from what is kept the new paint stands for itself.
    return picture + spread[..., :3] / (spread[..., 3:] + 0.05)


def _normals(
    mesh: Mesh, normals: Float[np.ndarray, "V 3"], camera: Camera, look: TextureView, shown: Bool[np.ndarray, "S S"]
) -> tuple[Float[np.ndarray, "S S 3"], Float[np.ndarray, "S S"]]:
    """Unit normals in the camera's frame, and cosines to its rays."""
    frame = camera.cam_to_world[:3, :3].numpy() * np.array([1, -1, -1], np.float32)
    both = np.concatenate([normals, mesh.vertices], 1)
    averages = look.average(look.raster.interpolate(mesh.faces, both))
    normal = _unit(averages[..., :3]) * shown[..., None]
    soft = np.asarray(cv2.GaussianBlur(normal, (0, 0), SOFT * len(normal)))
    towards = _unit(camera.cam_to_world[:3, 3].numpy() - averages[..., 3:])
    cosine = np.where(shown, np.clip((_unit(soft) * towards).sum(2), 0, 1), 0)
    return (normal @ frame).astype(np.float32), cosine.astype(np.float32)


def _depth(
    camera: Camera, look: TextureView, shown: Bool[np.ndarray, "S S"]
) -> tuple[Float[np.ndarray, "S S"], Float[np.ndarray, "S S"]]:
    """Depth, and 0 at outlines growing to 1 away from them."""
    fine = look.raster.depth.reshape(-1)
    fine = fine[np.isfinite(fine)][:, None]
    depth = np.where(shown, look.average(fine)[..., 0], np.inf).astype(np.float32)
    far = np.where(shown, depth, 1e3).astype(np.float32)
    kernel = np.ones((3, 3), np.uint8)
    across = float(np.median(depth[shown])) / (len(depth) * float(camera.intrinsics[0, 0])) if shown.any() else 0.0
    steep = cv2.dilate(far, kernel) - cv2.erode(far, kernel) > JUMP + 2 * SLOPE * across
    distance = cv2.distanceTransform(np.where(steep, 0, 255).astype(np.uint8), cv2.DIST_L2, 5) / len(depth)
    return depth, smoothstep(np.asarray(distance), *EDGE)


def _soft(mask: Float[np.ndarray, "S S"], shown: Bool[np.ndarray, "S S"], grow: bool) -> Float[np.ndarray, "S S"]:
    """The mask a little larger (or smaller) and blurred, the background left out of account."""
    radius = max(1, round(SOFT * len(mask)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    # Off the head whatever the head's border has; then specks go, which rough surfaces make, and the border moves.
    levels = np.where(shown, np.clip(mask * 255, 0, 255), 0 if grow else 255).astype(np.uint8)
    even = cv2.medianBlur(levels, 2 * radius + 1)
    moved = (cv2.dilate(even, kernel) if grow else cv2.erode(even, kernel)).astype(np.float32) / 255
    inside = shown.astype(np.float32)
    blurred = cv2.GaussianBlur(moved * inside, (0, 0), radius) / np.maximum(
        cv2.GaussianBlur(inside, (0, 0), radius), 1e-3
    )
    return np.clip(blurred, 0, 1)


def _unit(vectors: Float[np.ndarray, "S S 3"]) -> Float[np.ndarray, "S S 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
