# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.atlas import AtlasError, atlas
from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from tests.analytic import SphereField


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return clean(extract(SphereField(0.6), 32), 600)


def test_faces_keep_their_places(ball: Mesh) -> None:
    done = atlas(ball, 256, 2)
    assert np.array_equal(done.vertices[done.faces], ball.vertices[ball.faces])
    assert done.uv.shape == (len(done.vertices), 2) and done.uv.min() >= 0 and done.uv.max() <= 1


def test_the_time_is_limited(ball: Mesh) -> None:
    with pytest.raises(AtlasError, match="took longer") as caught:
        atlas(ball, 256, 2, seconds=0.01)
    assert caught.value.hint
