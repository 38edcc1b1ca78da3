# SPDX-License-Identifier: GPL-3.0-or-later
"""An estimate of how rough each texel is: the field knows colours, not gloss, so skin, hair and cloth get one each.

What is skin is told by colour, what is cloth by height. Values are those that character artists use for these in
metallic-roughness materials.
"""

import numpy as np
from jaxtyping import Float

from .harmonise import COLLAR, SKIN

SKIN_ROUGHNESS, HAIR_ROUGHNESS, CLOTH_ROUGHNESS = 0.5, 0.6, 0.85


def roughness(rgb: Float[np.ndarray, "N 3"], points: Float[np.ndarray, "N 3"]) -> Float[np.ndarray, " N"]:
    """Perceptual roughness (glTF's and Blender's) of texels, from their sRGB colours and places."""
    x, y, z = points.T
    face = (np.abs(x) < 0.2) & (y > -0.15) & (y < 0.25) & (z > 0.2)
    cloth = np.clip((COLLAR - y) / 0.05, 0, 1)
    if face.any():
        away = np.linalg.norm(rgb - np.median(rgb[face], axis=0), axis=1)
        skin = np.clip((1.2 * SKIN - away) / (0.4 * SKIN), 0, 1)
    else:
        skin = np.zeros(len(rgb))
    bare = HAIR_ROUGHNESS + skin * (SKIN_ROUGHNESS - HAIR_ROUGHNESS)
    # An open collar shows skin: cloth of that very colour is rarer.
    dressed = cloth * (1 - skin)
    return (bare + dressed * (CLOTH_ROUGHNESS - bare)).astype(np.float32)
