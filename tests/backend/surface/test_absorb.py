# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.absorb import without_scraps
from backend.surface.lod import levels_of_detail
from backend.surface.mesh import Mesh, pieces
from tests.backend.surface.test_lod import dressed  # noqa: F401


def patched(mesh: Mesh, middle: np.ndarray, reach: float) -> Mesh:
    """The mesh with the faces around a point cut out into charts of one face each, laid aside in the texture."""
    assert mesh.uv is not None
    near = np.linalg.norm(mesh.vertices[mesh.faces].mean(1) - middle, axis=1) < reach
    corners = mesh.faces[near].reshape(-1)
    faces = mesh.faces.copy()
    faces[near] = len(mesh.vertices) + np.arange(len(corners)).reshape(-1, 3)
    at = np.arange(len(corners))
    aside = np.column_stack([at / len(at) * 1e-2, at % 3 * 1e-3])
    uv = np.concatenate([mesh.uv, aside.astype(np.float32)])
    return Mesh(np.concatenate([mesh.vertices, mesh.vertices[corners]]), faces, uv)


@pytest.fixture
def torn(dressed: Mesh) -> Mesh:  # noqa: F811
    return patched(dressed, np.array([0, 0.3, 0.45]), 0.12)


def test_scraps_lie_in_the_hole_they_left(dressed: Mesh, torn: Mesh) -> None:  # noqa: F811
    before = pieces(torn.faces, len(torn.vertices))[torn.faces]
    after = without_scraps(torn)
    assert np.array_equal(after.vertices[after.faces], torn.vertices[torn.faces]), "in space nothing moves"
    moved = (after.faces != torn.faces).any(1)
    assert moved.sum() == len(np.unique(before[:, 0])) - len(np.unique(pieces(dressed.faces, len(dressed.vertices))))
    assert after.uv is not None and dressed.uv is not None
    error = np.abs(after.uv[after.faces[moved]] - dressed.uv[dressed.faces[moved]])
    assert error.max() < 0.01, "on a round head the mean of the neighbours is where a vertex was"
    used = np.unique(after.faces)
    assert len(np.unique(pieces(after.faces, len(after.vertices))[used])) == len(
        np.unique(pieces(dressed.faces, len(dressed.vertices)))
    )


def test_a_mesh_without_scraps_stays_as_it_is(dressed: Mesh) -> None:  # noqa: F811
    assert without_scraps(dressed) is dressed


def test_a_torn_head_comes_down_to_few_faces(torn: Mesh) -> None:
    (level,) = levels_of_detail(torn, (400,))
    assert 380 <= len(level.faces) <= 400 and level.is_closed() and level.euler() == 2
