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
DARKEST, LIGHTEST = 1 / 8, 2.5
"""Range of the factor by which the field's contrast is changed: darkening is harmless, lightening lifts its noise."""
COLLAR = -0.38
"""Height that parts head and clothes. Clothes may take any colour; head and hair only become lighter, darker or tinted:
a hat or a bald brow over the field's hair must not repaint it."""
NEAR, ALIKE = 0.4, 0.10
"""Distance (box units) and colour difference (sRGB) over which gains are alike."""
SKIN = 0.28
"""Colour difference (sRGB) from the face's median within which something counts as skin."""
CHIN, EYES = -0.25, 0.22
"""Heights of an average head."""
_ADJOINING = np.array([2.5, 2.5, 2.5, 1, 1, 1])
"""Parts of one garment lie closer to each other than `NEAR`, by this factor."""
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
    cloth: Float[np.ndarray, " K"]
    """Share of those that are clothes."""

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
        share = self.mass[index] / (0.2 + distance**2) ** 2.5
        share /= share.sum(1, keepdims=True)
        ratio = np.log(self.photo + FLOOR) - np.log(self.field + FLOOR)
        logs = np.clip(ratio, np.log(DARKEST), np.log(LIGHTEST))
        offset = self.photo - np.exp(logs) * self.field

        def mixed(values: Float[np.ndarray, "K C"]) -> Float[np.ndarray, "N C"]:
            return (share[..., None] * values[index]).sum(1).astype(np.float32)

        # Likeness tells clothes from hair that falls on them.
        clothed = np.clip((mixed(self.cloth[:, None]) - 0.3) / 0.4, 0, 1)
        return np.exp(mixed(logs)), mixed(offset) * clothed


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
        ridge = 0.005 * kept.sum() * np.diag([0.0] + [1.0] * (basis.shape[1] - 1))
        solution = np.linalg.solve(rows.T @ rows + ridge, rows.T @ (ratio[kept] * np.sqrt(weight[chosen][kept])))
        left = np.abs(ratio - basis @ solution)
        kept = left < 3 * np.median(left[kept]) + 1e-6
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
    skin: Bool[np.ndarray, " N"],
) -> Gains | None:
    """What the trusted texels say; None where there are none."""
    chosen = np.flatnonzero((weight > 0.35) & ~_mismatched(photo, field, points, skin))
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
    of_field, of_photo = (means(to_linear(values[chosen])) for values in (field, photo))
    centres = means(keys)
    below = means((points[chosen, 1:2] < COLLAR).astype(np.float64))[:, 0]
    # A collar above that height belongs to the shirt next to it.
    near = np.exp(-0.5 * (((centres[:, None] - centres[None]) * _ADJOINING) ** 2).sum(2)) * mass
    cloth = near @ below / near.sum(1)
    prevailing = _prevailing(of_photo, centres[:, 3:], mass, cloth > 0.5)
    of_photo = np.where(cloth[:, None] > 0.5, prevailing, of_photo)
    return Gains(centres, of_field, of_photo, np.minimum(mass, np.median(mass) * 4), cloth)


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


def foreign(
    photo: Float[np.ndarray, "N 3"],
    field: Float[np.ndarray, "N 3"],
    points: Float[np.ndarray, "N 3"],
    skin: Bool[np.ndarray, " N"],
    held: Float[np.ndarray, " N"],
) -> Float[np.ndarray, " N"]:
    """How surely, 0 to 1, the photograph shows something else where the field has the bare skin of jaw and ear.

    On a head wider than the person's, collar and background slip behind the outline of the face, where no landmark
    holds them off; `held` is how well they do. Shadow is no other thing: brightness counts less than hue.
    """
    if not skin.any():
        return np.zeros(len(photo), np.float32)
    bare = np.linalg.norm(field - np.median(field[skin], axis=0), axis=1) < SKIN
    typical = np.median(photo[skin], axis=0)
    light = photo.mean(1, keepdims=True)
    hue = np.linalg.norm((photo + 0.02) / (light + 0.02) * typical.mean() - typical, axis=1)
    unlike = np.hypot(hue, 0.3 * (light[:, 0] - typical.mean()))
    # Fading in above the chin: a collar that reaches high on the neck belongs there.
    side = np.clip((points[:, 1] - CHIN) / 0.06, 0, 1) * np.clip((EYES - points[:, 1]) / 0.05, 0, 1) * (1 - held)
    return (side * bare * np.clip((unlike - 0.3 * SKIN) / (0.3 * SKIN), 0, 1)).astype(np.float32)


def _mismatched(
    photo: Float[np.ndarray, "N 3"],
    field: Float[np.ndarray, "N 3"],
    points: Float[np.ndarray, "N 3"],
    skin: Bool[np.ndarray, " N"],
) -> Bool[np.ndarray, " N"]:
    """Texels of the head where one shows skin and the other does not: a fringe over a brow says nothing of either."""
    if not skin.any():
        return skin
    likes = [np.linalg.norm(rgb - np.median(rgb[skin], axis=0), axis=1) < SKIN for rgb in (photo, field)]
    return (likes[0] != likes[1]) & (points[:, 1] > COLLAR)


def _prevailing(
    light: Float[np.ndarray, "K 3"], colour: Float[np.ndarray, "K 3"], mass: Float[np.ndarray, " K"], part: np.ndarray
) -> Float[np.ndarray, "K 3"]:
    """The most common light among the part's anchors of a like field colour.

    Of a suit, a collar and a badge before the chest, the suit alone goes round the back.
    """
    members = np.flatnonzero(part)
    if not len(members):
        return light
    own, shown = colour[members], to_srgb(light[members])
    likeness = np.exp(-0.5 * ((own[:, None] - own[None]) ** 2).sum(2)) * mass[members]
    alike = np.exp(-0.5 * ((shown[:, None] - shown[None]) ** 2).sum(2) / ALIKE**2)
    # votes[a, b]: how many texels that matter to anchor a show about the colour of anchor b.
    peak = (likeness @ alike).argmax(1)
    votes = likeness * alike[peak]
    out = light.copy()
    out[members] = votes @ light[members] / votes.sum(1, keepdims=True)
    return out


def _keys(points: Float[np.ndarray, "N 3"], rgb: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 6"]:
    return np.concatenate([points / NEAR, rgb / ALIKE], 1)


def _log_light(rgb: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
    return np.log(to_linear(rgb) @ np.array([0.2126, 0.7152, 0.0722]) + FLOOR)


def _basis(normals: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, "N 6"]:
    x, y, z = normals.T
    return np.stack([np.ones_like(x), x, y, x * y, x * x - y * y, z * z], 1)
