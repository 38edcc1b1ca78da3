# SPDX-License-Identifier: GPL-3.0-or-later
"""One colouring out of two: a photograph where it is trusted, the field elsewhere, no seam between them.

The person's colours are the photograph's; the field's unseen parts follow. How much brighter or redder the photograph
is than the field is learnt where both are known and carried to the rest by likeness of place and colour: the back of
the head follows the fringe, the neck follows the cheek.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import cKDTree

from .preview import to_linear, to_srgb

DELIGHT = 0.5
"""Share of the photograph's own shading that is taken out; all of it would wash the person out."""
SHADING_RANGE = 1.6
"""Largest factor by which shading is corrected."""
GAIN_RANGE = 2.0
"""Largest factor by which the field's contrast is changed."""
NEAR, ALIKE = 0.9, 0.10
"""Distance (box units) and colour difference (sRGB) over which gains are alike."""
FLOOR = 0.004
"""Added to light before logarithms, so that black has a ratio too."""


@dataclass(frozen=True, slots=True)
class Gains:
    """How the photograph differs from the field at some anchors, in linear light."""

    keys: Float[np.ndarray, "K 6"]
    """Place and field colour, each in units of its likeness."""
    field: Float[np.ndarray, "K 3"]
    """Mean light of the field."""
    photo: Float[np.ndarray, "K 3"]
    """Mean light of the photograph."""
    mass: Float[np.ndarray, " K"]
    """Trusted texels behind each anchor."""

    def at(
        self, points: Float[np.ndarray, "N 3"], rgb: Float[np.ndarray, "N 3"], neighbours: int = 16
    ) -> tuple[Float[np.ndarray, "N 3"], Float[np.ndarray, "N 3"]]:
        """Factor and offset for the field's light at points of field colour `rgb`.

        Contrast changes by the factor, which is bounded; what that leaves of the change of the mean is the offset.
        """
        neighbours = min(neighbours, len(self.keys))
        distance, index = cKDTree(self.keys).query(_keys(points, rgb), neighbours)
        distance, index = distance.reshape(len(points), -1), index.reshape(len(points), -1)
        # A heavy tail: far from every anchor the nearest ones still decide, all alike.
        share = self.mass[index] / (0.15 + distance**2) ** 1.5
        share /= share.sum(1, keepdims=True)
        limit = np.log(GAIN_RANGE)
        logs = np.clip(np.log(self.photo + FLOOR) - np.log(self.field + FLOOR), -limit, limit)
        offset = self.photo - np.exp(logs) * self.field

        def mixed(values: Float[np.ndarray, "K 3"]) -> Float[np.ndarray, "N 3"]:
            return (share[..., None] * values[index]).sum(1).astype(np.float32)

        return np.exp(mixed(logs)), mixed(offset)


def delight(
    photo: Float[np.ndarray, "N 3"],
    field: Float[np.ndarray, "N 3"],
    weight: Float[np.ndarray, " N"],
    normals: Float[np.ndarray, "N 3"],
    skin: Bool[np.ndarray, " N"],
) -> Float[np.ndarray, "N 3"]:
    """The photograph (sRGB) with half of its smooth shading removed; normals in the camera's frame.

    Shading is what a low-order function of the normal explains of the photograph's brightness over the field's albedo
    on skin (spherical harmonics up to order 2: Ramamoorthi & Hanrahan 2001).
    """
    chosen = np.flatnonzero(skin & (weight > 0.3))
    if len(chosen) < 200:
        return photo
    chosen = chosen[:: max(1, len(chosen) // 20_000)]
    ratio = _log_light(photo[chosen]) - _log_light(field[chosen])
    basis = _basis(normals[chosen])
    kept = np.ones(len(chosen), bool)
    solution = np.zeros(basis.shape[1])
    for _ in range(4):  # eyes, brows and lips leave as outliers
        rows = basis[kept] * np.sqrt(weight[chosen][kept, None])
        ridge = 0.02 * kept.sum() * np.diag([0.0] + [1.0] * (basis.shape[1] - 1))
        solution = np.linalg.solve(rows.T @ rows + ridge, rows.T @ (ratio[kept] * np.sqrt(weight[chosen][kept])))
        left = np.abs(ratio - basis @ solution)
        kept = left < 2 * np.median(left[kept]) + 1e-6
    solution[0] = 0
    middle = (_basis(normals[chosen]) @ solution).mean()
    shading = _basis(normals) @ solution - middle
    limit = np.log(SHADING_RANGE)
    factor = np.exp(-np.clip(DELIGHT * shading, -limit, limit)).astype(np.float32)
    return to_srgb(np.clip(to_linear(photo) * factor[:, None], 0, 1))


def gains(
    photo: Float[np.ndarray, "N 3"],
    field: Float[np.ndarray, "N 3"],
    weight: Float[np.ndarray, " N"],
    points: Float[np.ndarray, "N 3"],
) -> Gains | None:
    """What the trusted texels say; None where there are none."""
    chosen = np.flatnonzero(weight > 0.35)
    if len(chosen) < 50:
        return None
    chosen = chosen[:: max(1, len(chosen) // 60_000)]
    keys = _keys(points[chosen], field[chosen])
    cells, inverse = np.unique(np.floor(keys / 0.5).astype(np.int64), axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    trusted = weight[chosen].astype(np.float64)
    mass = np.bincount(inverse, trusted, len(cells))

    def means(values: np.ndarray) -> np.ndarray:
        sums = [np.bincount(inverse, values[:, axis] * trusted, len(cells)) for axis in range(values.shape[1])]
        return np.stack(sums, 1) / mass[:, None]

    # Means of light, not of its logarithm: highlights and gaps between hairs average as the eye does.
    light = (means(to_linear(values[chosen])) for values in (field, photo))
    return Gains(means(keys), *light, np.minimum(mass, np.median(mass) * 4))


def blend(
    photo: Float[np.ndarray, "N 3"],
    field: Float[np.ndarray, "N 3"],
    weight: Float[np.ndarray, " N"],
    factor: Float[np.ndarray, "N 3"],
    offset: Float[np.ndarray, "N 3"],
) -> Float[np.ndarray, "N 3"]:
    """sRGB of the photograph over the field, whose light is changed first."""
    matched = to_srgb(np.clip(to_linear(field) * factor + offset, 0, 1))
    return weight[:, None] * photo + (1 - weight[:, None]) * matched


def _keys(points: Float[np.ndarray, "N 3"], rgb: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 6"]:
    return np.concatenate([points / NEAR, rgb / ALIKE], 1)


def _log_light(rgb: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
    return np.log(to_linear(rgb) @ np.array([0.2126, 0.7152, 0.0722]) + FLOOR)


def _basis(normals: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 6"]:
    x, y, z = normals.T
    return np.stack([np.ones_like(x), x, y, x * y, x * x - y * y, z * z], 1)
