# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of synthetic people for the eye: softly lit, from four sides."""

import numpy as np

from ..geometry.cameras import orbit
from .assets import Pack
from .parameters import PersonParameters
from .people import build_person
from .views import Scene, View, portrait_camera, render_view

AZIMUTHS = (0.0, 0.7, 2.6)
TILE = 224
COLUMNS = 2


def person_strip(parameters: PersonParameters, pack: Pack) -> np.ndarray:
    """Portrait, front, three-quarter and back of a person, uint8 [TILE, 4 TILE, 3]."""
    person = build_person(parameters, pack)
    scene = Scene(person.parts)
    cameras = [portrait_camera(person, 0, 0), *(orbit(azimuth, 0.05) for azimuth in AZIMUTHS)]
    return np.concatenate([shaded(render_view(scene, camera, TILE, samples=2)) for camera in cameras], 1)


def shaded(view: View) -> np.ndarray:
    """A view lit by one soft lamp over light grey, uint8 [H, W, 3]."""
    lamp = np.array([0.45, 0.55, 0.7], np.float32)
    lit = 0.5 + 0.1 * view.normal[..., 1] + 0.55 * np.clip(view.normal @ (lamp / np.linalg.norm(lamp)), 0, 1)
    picture = view.rgb * lit[..., None] + 0.93 * (1 - view.alpha[..., None])
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def sheet(strips: list[np.ndarray]) -> np.ndarray:
    """Strips in columns, uint8 [H, W, 3]."""
    rows = -(-len(strips) // COLUMNS)
    height, width, _ = strips[0].shape
    canvas = np.full((rows * height, min(len(strips), COLUMNS) * width, 3), 237, np.uint8)
    for k, strip in enumerate(strips):
        column, row = divmod(k, rows)
        canvas[row * height : (row + 1) * height, column * width : (column + 1) * width] = strip
    return canvas
