# SPDX-License-Identifier: GPL-3.0-or-later
"""A head repainted view by view, from the front outward, into one texture (DiffusionGAN3D, arXiv 2312.16837).

    textures = yield from refine_views(mesh, textures, prior, Wish(prompt="red hair"), views=8, size=1024)

Each view shows the prior what is painted already; it keeps what was seen as well before, repaints what is seen better
now, and makes up what has no colour. Its picture then moves the texture through the differentiable rasteriser, each
texel as far as this view knows it better than all before.
"""

import logging
from collections.abc import Generator, Sequence
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Float, Shaped

from ..faces.networks import FaceFinder
from ..faces.portrait import Portrait
from ..geometry.cameras import orbit
from ..surface.mesh import Mesh
from ..texture.differentiable import TextureView, texture_view
from ..texture.fitting import fit_picture, information
from ..texture.maps import TextureSet
from ..texture.project import smoothstep
from ..texture.raster import raster_uv
from ..texture.resize import resized
from .canvas import Canvas
from .carry import carried
from .prior import Step, ViewPrior, Wish
from .reproject import lay_portrait
from .trimap import Trimap, anchored, trimap
from .viewpoints import viewpoints

TEXELS_PER_PIXEL = 4
"""Side of the texture that is optimised over the side of the views, at most: a finer one holds nothing a view shows."""
ENOUGH = (0.01, 0.06)
"""Weight of all views from which a texel begins to count as painted, and at which it does entirely."""
WORTH = 0.02
"""Share of a view's pixels that must be new for it to be painted at all."""

log = logging.getLogger(__name__)


def refine_views(
    mesh: Mesh,
    textures: TextureSet,
    prior: ViewPrior,
    wish: Wish,
    views: int | Sequence[tuple[float, float]] = 8,
    size: int = 1024,
    paintable: Float[np.ndarray, "T T"] | None = None,
    portrait: Portrait | None = None,
    *,
    known: Shaped[np.ndarray, "T T"] | None = None,
    finder: FaceFinder | None = None,
) -> Generator[Step | TextureSet, None, TextureSet]:
    """Steps, and a texture after each view that changed something; returns the last, in which the rest has followed.

    `views` are so many around the head, or azimuths and elevations in radians. Masks are of the given textures' side:
    `paintable` is 1 where the texture may change, `known` false where it holds no colour worth starting from. A
    portrait is laid on first and stays. Closing cancels within one denoising step.
    """
    mask, known = _fitted(paintable, size), _fitted(known, size)
    textures = resized(textures, mesh, size)
    if portrait is not None:
        textures = lay_portrait(mesh, textures, portrait, finder=finder, paintable=mask, known=known)
        yield textures
        wish = replace(wish, reference=portrait.crop)
    side = prior.size
    canvas = Canvas(mesh, textures, _working_side(size, side), mask, known)
    normals = mesh.normals()
    level, painted = textures.level, np.zeros(len(canvas.rows), np.float32)
    directions = viewpoints(views) if isinstance(views, int) else views
    count = len(directions)
    for number, direction in enumerate(directions):
        camera = orbit(*direction)
        look = texture_view(mesh, camera, side, canvas.texels)
        plan = trimap(mesh, normals, camera, look, canvas, direction)
        if (plan.weight > 0.05).sum() < WORTH * plan.view.shown.sum():
            log.info("view %d of %d shows nothing new", number + 1, count)
            continue
        picture = yield from _painted(prior, plan, replace(wish, seed=wish.seed + number), number, count)
        painted += repaint(canvas, look, plan, picture.astype(np.float32) / 255)
        level += 1
        log.info("view %d of %d painted, %.0f %% of it kept", number + 1, count, 100 * _kept(plan))
        yield canvas.textures(level)
    spread(mesh, canvas, painted)
    return canvas.textures(level + 1)


def repaint(
    canvas: Canvas, look: TextureView, plan: Trimap, picture: Float[np.ndarray, "S S 3"]
) -> Float[np.ndarray, " N"]:
    """Moves the canvas towards a view's repainted picture (sRGB in [0, 1]); the weight that each texel gained."""
    wanted = anchored(picture, plan)
    gained, seen = information(look, plan.weight)
    rows = canvas.rows
    fresh = ~canvas.known & (gained > 0)
    if fresh.any():
        # Without a colour to start from, detail finer than the view starts from the view itself.
        weight = plan.weight[..., None]
        sums = look.pull_back(np.concatenate([wanted * weight, weight], 2))
        rows = np.where(fresh[:, None], sums[:, :3] / np.maximum(sums[:, 3:], 1e-9), rows).astype(np.float32)
    free = canvas.free
    moved = fit_picture(look, wanted, plan.weight, rows, canvas.weight, free > 0)
    canvas.rows = np.clip(canvas.rows + free[:, None] * (moved - canvas.rows), 0, 1).astype(np.float32)
    gained = gained * free
    canvas.weight += gained
    cosine = information(look, plan.facing)[0]
    canvas.best = np.where(seen & (gained > 0), np.maximum(canvas.best, cosine), canvas.best)
    canvas.known |= gained > 0.01
    return gained


def spread(mesh: Mesh, canvas: Canvas, painted: Float[np.ndarray, " N"]) -> None:
    """Lets texels that no view reached follow: in change where they had a colour, in colour where they had none."""
    raster = raster_uv(mesh, canvas.texels.size)
    covered = canvas.texels.coverage
    corners = mesh.faces[raster.face[covered]], raster.weights[covered]
    # Photographs and what must not change are known to change by nothing.
    held = np.maximum(painted, np.maximum(1 - canvas.free, canvas.photographed))
    followed = carried(mesh, corners, canvas.change, smoothstep(held, *ENOUGH)) - canvas.change
    rows = np.clip(canvas.rows + canvas.free[:, None] * followed, 0, 1)
    empty = ~canvas.known
    if empty.any():
        coloured = carried(mesh, corners, rows.astype(np.float32), np.where(empty, 0, 1).astype(np.float32))
        rows = np.where(empty[:, None], coloured, rows)
    canvas.rows = rows.astype(np.float32)


def _painted(prior: ViewPrior, plan: Trimap, wish: Wish, number: int, views: int) -> Generator[Step, None, np.ndarray]:
    painting = prior.paint(plan.view, wish)
    try:
        while True:
            try:
                step = next(painting)
            except StopIteration as done:
                return done.value
            yield Step((number + min(max(step.fraction, 0.0), 1.0)) / views, step.preview)
    finally:
        painting.close()


def _working_side(size: int, side: int) -> int:
    """Half the texture's side again and again, as long as that is more than the views can tell."""
    while size % 2 == 0 and size > TEXELS_PER_PIXEL * side:
        size //= 2
    return size


def _fitted(mask: np.ndarray | None, size: int) -> np.ndarray | None:
    if mask is None or len(mask) == size:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR))


def _kept(plan: Trimap) -> float:
    return float(plan.view.keep[plan.view.shown].mean())
