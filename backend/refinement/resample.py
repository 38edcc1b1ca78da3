# SPDX-License-Identifier: GPL-3.0-or-later
"""The field's own colours at a higher resolution."""

from collections.abc import Iterator

from ..faces.portrait import Portrait
from ..geometry.fields import Field
from ..surface.mesh import Mesh
from ..texture.bake import bake
from ..texture.maps import TextureSet
from .prior import Wish


def resample(
    field: Field,
    mesh: Mesh,
    textures: TextureSet,
    portrait: Portrait | None,
    *,
    size: int,
    wish: Wish | None = None,
) -> Iterator[TextureSet]:
    """One texture, baked anew; portrait and wish play no part."""
    yield bake(field, mesh, size, textures.level + 1)
