# SPDX-License-Identifier: GPL-3.0-or-later
"""TextureSet -> better TextureSet, one file per method, in a table by name.

    for textures in REFINERS["reproject"].refine(field, mesh, textures, portrait, size=1024): show(textures)

Levels never fall and covered texels stay covered. What limits a result is said in `TextureSet.notes`. A head without a
field, somebody's own, is refined by `progressive.refine_views` and `reproject.lay_portrait`.
"""

from .base import Refiner
from .priors import FACE_VIEWS, painted_by
from .reproject import reproject
from .resample import resample

REFINERS = {
    "resample": Refiner(resample, needs_portrait=False),
    "sharpen": Refiner(painted_by("sharpen", FACE_VIEWS), needs_portrait=False),
    "reproject": Refiner(reproject, needs_portrait=True),
    "diffuse-local": Refiner(painted_by("diffuse-local"), needs_portrait=False),
    "diffuse-sd": Refiner(painted_by("diffuse-sd"), needs_portrait=False),
}
