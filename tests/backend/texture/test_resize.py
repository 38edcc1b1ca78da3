# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.geometry.cameras import orbit
from backend.texture.preview import picture
from backend.texture.resize import resized
from tests.backend.texture.ball import ball


def test_the_picture_stays_the_same() -> None:
    mesh, textures = ball()
    before = picture(mesh, textures, orbit(0.5), 48, lit=False).astype(int)
    for size in (128, 512):
        other = resized(textures, mesh, size)
        assert other.size == size and other.level == textures.level
        assert np.abs(picture(mesh, other, orbit(0.5), 48, lit=False) - before).mean() < 1.5


def test_the_same_size_is_the_same_texture() -> None:
    mesh, textures = ball()
    assert resized(textures, mesh, 256) is textures
