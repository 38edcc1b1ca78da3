# SPDX-License-Identifier: GPL-3.0-or-later
"""The finer maps of a texture as pictures of three channels: what files hold and materials read."""

import numpy as np

from ..protocol import TextureReady

NORMAL, SURFACE = "normal", "surface"


def maps_of(texture: TextureReady) -> dict[str, np.ndarray]:
    """uint8 `[T, T, 3]` by name, as far as they came: tangent-space normals; occlusion, roughness and metal, which is
    nowhere, in the red, green and blue of one picture, as glTF has them."""
    maps: dict[str, np.ndarray] = {}
    if texture.normal is not None:
        maps[NORMAL] = texture.normal
    if texture.occlusion is not None and texture.roughness is not None:
        metal = np.zeros_like(texture.occlusion)
        maps[SURFACE] = np.stack([texture.occlusion, texture.roughness, metal], axis=-1)
    return maps
