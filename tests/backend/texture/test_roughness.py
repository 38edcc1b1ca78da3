# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.texture.roughness import CLOTH_ROUGHNESS, HAIR_ROUGHNESS, SKIN_ROUGHNESS, roughness

PLACES = np.array([[0, 0, 0.4]] * 20 + [[0, 0.5, -0.3], [0.1, -0.8, 0.3], [0, -0.45, 0.3]], np.float32)
SKIN, HAIR, SHIRT = (0.8, 0.6, 0.5), (0.2, 0.12, 0.08), (0.2, 0.3, 0.6)
COLOURS = np.array([SKIN] * 20 + [HAIR, SHIRT, SKIN], np.float32)


def test_skin_hair_and_cloth_are_told_apart() -> None:
    found = roughness(COLOURS, PLACES)
    assert np.allclose(found[:20], SKIN_ROUGHNESS)
    assert np.allclose(found[20:], [HAIR_ROUGHNESS, CLOTH_ROUGHNESS, SKIN_ROUGHNESS], atol=0.01)


def test_a_mesh_without_a_face_has_no_skin() -> None:
    assert np.allclose(roughness(COLOURS[20:22], PLACES[20:22]), [HAIR_ROUGHNESS, CLOTH_ROUGHNESS], atol=0.01)
