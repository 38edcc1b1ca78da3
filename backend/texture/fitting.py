# SPDX-License-Identifier: GPL-3.0-or-later
"""The texture that a picture asks for: weighted least squares through the view's map.

    minimise  sum_p w_p |(A T)_p - picture_p|^2  +  sum_t m_t k_t |T_t - T0_t|^2,    m = A^T 1

k is what each texel already knows (the weights of the views before, added up), so the solution is the running weighted
mean of all views, texel by texel: the adaptive blend of DiffusionGAN3D (arXiv 2312.16837), as a recursive filter. What
no pixel can tell, detail finer than the picture, keeps its old value: conjugate gradients never leave the range of A^T.
"""

import numpy as np
from jaxtyping import Bool, Float

from .differentiable import TextureView

ITERATIONS = 12
"""Of conjugate gradients; more would fit the picture's own noise."""
TOLERANCE = 1e-3
"""Fall of the residual's norm at which it ends earlier."""
FAINT = 1e-4
"""Mass below which a texel counts as unseen: the outermost tap of some pixel."""


def fit_picture(
    view: TextureView,
    picture: Float[np.ndarray, "S S C"],
    weight: Float[np.ndarray, "S S"],
    rows: Float[np.ndarray, "N C"],
    known: Float[np.ndarray, " N"],
    free: Bool[np.ndarray, " N"] | None = None,
) -> Float[np.ndarray, "N C"]:
    """The rows moved towards the picture; texels that are not `free` stay bit for bit."""
    pixel_weight = np.where(view.cover > 0, weight, 0).astype(np.float32)[..., None]
    ones = (view.cover > 0).astype(np.float32)[..., None]
    mass = view.pull_back(np.concatenate([ones, pixel_weight], 2))
    # Texels of one pixel must be known alike, or the least known would take the whole error of all.
    known = information(view, view.render(known[:, None])[..., 0])[0]
    held = mass[:, :1] * known[:, None]
    scale = mass[:, 1:] + held
    moving = (scale > FAINT) & (mass[:, 1:] > 0)
    if free is not None:
        moving &= free[:, None]
    inverse = np.where(moving, 1 / np.maximum(scale, FAINT), 0).astype(np.float32)

    def curvature(change: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "N C"]:
        return view.pull_back(pixel_weight * view.render(change)) + held * change

    residual = view.pull_back(pixel_weight * (picture.astype(np.float32) - view.render(rows)))
    residual *= moving
    solved = np.zeros_like(residual)
    step = direction = inverse * residual
    energy = start = float((residual * step).sum())
    for _ in range(ITERATIONS):
        if energy <= TOLERANCE**2 * start or energy <= 0:
            break
        bent = curvature(direction) * moving
        length = energy / max(float((direction * bent).sum()), 1e-20)
        solved += np.float32(length) * direction
        residual = residual - np.float32(length) * bent
        step = inverse * residual
        before, energy = energy, float((residual * step).sum())
        direction = step + np.float32(energy / before) * direction
    return rows + solved


def information(
    view: TextureView, weight: Float[np.ndarray, "S S"]
) -> tuple[Float[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """Mean weight of the pixels that show each texel, and whether any does."""
    ones = (view.cover > 0).astype(np.float32)
    mass = view.pull_back(np.stack([ones, np.where(ones > 0, weight, 0)], 2).astype(np.float32))
    seen = mass[:, 0] > FAINT
    return np.where(seen, mass[:, 1] / np.maximum(mass[:, 0], FAINT), 0).astype(np.float32), seen
