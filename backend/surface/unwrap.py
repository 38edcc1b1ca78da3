# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture coordinates for a bust: few charts cut where a tailor would cut, little stretch, nothing used twice.

Head and torso, front and back, and the flat base; what crumples in these (a pony tail, a fold of cloth) gets charts of
its own. The time grows with the number of faces: about half a second for 60,000. Meshes that cannot be cut so are left
to xatlas.
"""

import logging

import numpy as np
from jaxtyping import Complex, Int

from .atlas import atlas
from .charts import NECK
from .flatten import FlattenError, pieces
from .layout import lay_out
from .mesh import Mesh
from .pack import GAP, pack

FOCUS = 1.25
"""Texels of the head are so much smaller than the torso's, along an edge."""
FACE = (0.0, 0.0, 0.45)
"""Where the eye looks: the middle of the face in the canonical frame."""

log = logging.getLogger(__name__)


def unwrap(mesh: Mesh, texture_size: int) -> Mesh:
    """The mesh with `uv`, vertices on chart borders split; faces keep their order, charts do not overlap.

    No chart is mirrored and the face stands upright. Charts keep 1 / 64 of the side from each other, whatever the
    texture's size; `texture_size` is only needed where xatlas must do the work. Raises AtlasError where it cannot.
    """
    try:
        charts, flat = lay_out(mesh)
    except FlattenError as error:
        log.info("left to xatlas: %s", error)
        return atlas(mesh, texture_size, max(2, round(texture_size * GAP / 4)))
    return packed(charts, flat)


def packed(charts: Mesh, flat: Complex[np.ndarray, " V"]) -> Mesh:
    """Charts laid flat, each a connected piece, with places of their own in the unit square."""
    chart = pieces(charts.faces, len(flat))
    flat = _sized(charts, _upright(charts, flat, chart), chart)
    face = int(chart[((charts.vertices - np.array(FACE, np.float32)) ** 2).sum(1).argmin()])
    uv = pack(flat, charts.faces, chart, face)
    log.info("unwrapped %d faces into %d charts", len(charts.faces), chart.max() + 1)
    return Mesh(charts.vertices, charts.faces, uv)


def _upright(mesh: Mesh, flat: Complex[np.ndarray, " V"], chart: Int[np.ndarray, " V"]) -> Complex[np.ndarray, " V"]:
    """Charts turned about their middles so that what is higher on the bust is higher in the texture."""
    count = np.bincount(chart)
    height = mesh.vertices[:, 1].astype(np.float64)
    height = height - (np.bincount(chart, height) / count)[chart]
    flat = flat - _sums(chart, flat)[chart] / count[chart]
    up = _sums(chart, flat * height)
    turn = 1j * up.conj() / np.maximum(np.abs(up), 1e-12)
    return flat * np.where(np.abs(up) > 1e-12, turn, 1)[chart]


def _sized(mesh: Mesh, flat: Complex[np.ndarray, " V"], chart: Int[np.ndarray, " V"]) -> Complex[np.ndarray, " V"]:
    """Charts of the head enlarged."""
    height = np.bincount(chart, mesh.vertices[:, 1]) / np.bincount(chart)
    return flat * np.where(height > NECK, FOCUS, 1.0)[chart]


def _sums(chart: Int[np.ndarray, " V"], values: Complex[np.ndarray, " V"]) -> Complex[np.ndarray, " N"]:
    return np.bincount(chart, values.real) + 1j * np.bincount(chart, values.imag)
