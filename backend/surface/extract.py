# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface of a field as a closed mesh."""

import logging

from ..geometry.fields import Field
from .bricks import CELLS, extract_bricks
from .lattice import close, lattice
from .marching import march
from .mesh import Mesh

WHOLE = 320
"""Cells along the box up to which one lattice is held as a whole: 160 MiB. Above, for multiples of 32, memory grows
with the surface."""

log = logging.getLogger(__name__)


def extract(field: Field, resolution: int) -> Mesh:
    """Marching cubes with `resolution` cells along the box; closed where the body leaves the box, so flat at y = -1.

    The cut lies half a cell inside the box. Every separate piece is kept: see `clean`. Raises ValueError where there is
    no surface.
    """
    if resolution > WHOLE and resolution % CELLS == 0:
        mesh = extract_bricks(field, resolution)
    else:
        values, _ = lattice(field, resolution)
        close(values, 2 * field.extent / resolution)
        mesh = march(values, field.extent)
    log.info("extracted %d faces at %d cells", len(mesh.faces), resolution)
    return mesh
