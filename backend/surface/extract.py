# SPDX-License-Identifier: GPL-3.0-or-later
"""The surface of a field as a closed mesh."""

import logging

from ..geometry.fields import Field
from .blocks import Blocks
from .marching import march
from .mesh import Mesh

log = logging.getLogger(__name__)


def extract(field: Field, resolution: int) -> Mesh:
    """Marching cubes with `resolution` cells along the box; closed where the body leaves the box, so flat at y = -1.

    The cut lies half a cell inside the box. Every separate piece is kept: see `clean`. Memory grows with the surface:
    some 800 MiB in all for the eight million faces of a bust at 1024. Raises ValueError where there is no surface, or
    unless the resolution is a multiple of 4.
    """
    mesh = march(Blocks(field, resolution))
    log.info("extracted %d faces at %d cells", len(mesh.faces), resolution)
    return mesh
