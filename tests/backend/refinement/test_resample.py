# SPDX-License-Identifier: GPL-3.0-or-later
from backend.refinement.resample import resample
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet


def test_one_finer_texture_a_level_up(head, mesh: Mesh, textures: TextureSet) -> None:
    (finer,) = resample(head, mesh, textures, None, size=1024)
    assert finer.size == 1024 and finer.level == textures.level + 1
    # Covered texels stay covered: each of the coarse ones is one or more of the fine.
    fine = finer.coverage.reshape(512, 2, 512, 2).any((1, 3))
    assert (fine | ~textures.coverage).mean() > 0.999
