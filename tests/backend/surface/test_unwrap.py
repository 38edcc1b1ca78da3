# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from backend.surface.unwrap import unwrap
from tests.analytic import BustField


@pytest.fixture(scope="module")
def plain() -> Mesh:
    return clean(extract(BustField(), 48), 1500)


@pytest.fixture(scope="module")
def dressed(plain: Mesh) -> Mesh:
    return unwrap(plain, 512)


def test_faces_keep_their_places_and_their_order(plain: Mesh, dressed: Mesh) -> None:
    assert np.array_equal(dressed.vertices[dressed.faces], plain.vertices[plain.faces])
    assert dressed.is_closed(), "seams are split, positions stay equal"


def test_coordinates_fill_the_unit_square(dressed: Mesh) -> None:
    assert dressed.uv is not None
    assert dressed.uv.min() >= 0 and dressed.uv.max() <= 1
    assert uv_areas(dressed).sum() > 0.4


def test_charts_do_not_overlap(dressed: Mesh) -> None:
    size = 512
    from backend.texture.raster import raster_uv

    covered = (raster_uv(dressed, size).face >= 0).sum()
    centres = uv_areas(dressed).sum() * size * size
    assert abs(covered / centres - 1) < 0.02, "as many texels as the charts' area promises: none is used twice"


def test_the_face_gets_more_texels_than_the_hem(dressed: Mesh) -> None:
    density = uv_areas(dressed) / np.maximum(dressed.areas(), 1e-12)
    middle = dressed.vertices[dressed.faces].mean(1)
    face = (middle[:, 2] > 0.3) & (middle[:, 1] > 0)
    hem = middle[:, 1] < -0.8
    assert np.median(density[face]) > 1.25 * np.median(density[hem])


def uv_areas(mesh: Mesh) -> np.ndarray:
    assert mesh.uv is not None
    corners = mesh.uv[mesh.faces].astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
