# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy.spatial import cKDTree

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.flatten import distortion, pieces
from backend.surface.mesh import Mesh
from backend.surface.unwrap import unwrap
from tests.analytic import BustField


@pytest.fixture(scope="module")
def plain() -> Mesh:
    return clean(extract(BustField(), 48), 1500)


@pytest.fixture(scope="module")
def dressed(plain: Mesh) -> Mesh:
    return unwrap(plain, 512)


@pytest.fixture(scope="module")
def even() -> Mesh:
    """All faces about alike, as hair and cloth leave them; a plain neck is simplified to long strips."""
    return unwrap(clean(extract(BustField(), 64), 20_000), 1024)


def test_faces_keep_their_places_and_their_order(plain: Mesh, dressed: Mesh) -> None:
    assert np.array_equal(dressed.vertices[dressed.faces], plain.vertices[plain.faces])
    assert dressed.is_closed(), "seams are split, positions stay equal"


def test_coordinates_fill_the_unit_square(dressed: Mesh, even: Mesh) -> None:
    for mesh, least in ((dressed, 0.35), (even, 0.45)):
        assert mesh.uv is not None
        assert mesh.uv.min() >= 0 and mesh.uv.max() <= 1
        assert uv_areas(mesh).sum() > least


def test_charts_do_not_overlap(dressed: Mesh) -> None:
    size = 512
    from backend.texture.raster import raster_uv

    covered = (raster_uv(dressed, size).face >= 0).sum()
    centres = uv_areas(dressed).sum() * size * size
    assert abs(covered / centres - 1) < 0.02, "as many texels as the charts' area promises: none is used twice"


def test_charts_are_few_and_hardly_stretched(even: Mesh) -> None:
    chart = pieces(even.faces, len(even.vertices))
    assert chart.max() + 1 <= 8
    energy, areas = distortion(even, (even.uv * scale(even)).astype(np.float64) @ np.array([1, 1j]))
    assert (energy * areas).sum() / areas.sum() < 1.1


def test_no_chart_is_mirrored_and_the_face_stands_upright(even: Mesh) -> None:
    energy, _ = distortion(even, even.uv.astype(np.float64) @ np.array([1, 1j]))
    assert np.isfinite(energy).all(), "an energy is infinite where a face is turned over"
    face = (even.vertices[:, 2] > 0.3) & (np.abs(even.vertices[:, 0]) < 0.2) & (even.vertices[:, 1] > 0)
    slope = np.polyfit(even.vertices[face, 1], even.uv[face, 1], 1)[0]
    assert slope > 0.8 / scale(even)


def test_charts_keep_their_distance(even: Mesh) -> None:
    """Two gutters of eight texels at 1024 meet no neighbour's."""
    chart = pieces(even.faces, len(even.vertices))
    for one in range(chart.max() + 1):
        own, others = even.uv[chart == one], even.uv[chart != one]
        assert cKDTree(own).query(others)[0].min() > 0.9 / 64
    assert even.uv.min() > 0.9 / 128 and even.uv.max() < 1 - 0.9 / 128


def test_a_ring_is_cut_open_and_laid_flat() -> None:
    """A torus is no disc however it is parted into front and back."""
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    around, along = np.meshgrid(turns, turns[::2], indexing="ij")
    reach = 0.5 + 0.2 * np.cos(along)
    points = np.stack([reach * np.cos(around), reach * np.sin(around), 0.2 * np.sin(along)], -1).reshape(-1, 3)
    number = np.arange(48 * 24).reshape(48, 24)
    here, right = number, np.roll(number, -1, 0)
    above, across = np.roll(number, -1, 1), np.roll(np.roll(number, -1, 0), -1, 1)
    faces = np.stack([here, right, across, here, across, above], -1).reshape(-1, 3)
    torus = Mesh(points.astype(np.float32), faces.astype(np.int32))
    assert torus.euler() == 0 and torus.volume() > 0
    flat = unwrap(torus, 512)
    energy, areas = distortion(flat, (flat.uv * scale(flat)).astype(np.float64) @ np.array([1, 1j]))
    assert (energy * areas).sum() / areas.sum() < 1.3


def test_what_cannot_be_cut_is_left_to_xatlas(plain: Mesh) -> None:
    """A face that hangs on an edge of two others."""
    a, b = plain.faces[0, :2]
    vertices = np.concatenate([plain.vertices, plain.vertices[[a]] + np.float32(0.2)])
    finned = Mesh(vertices, np.concatenate([plain.faces, [[a, b, len(plain.vertices)]]]).astype(np.int32))
    done = unwrap(finned, 512)
    assert np.array_equal(done.vertices[done.faces], finned.vertices[finned.faces])
    assert uv_areas(done).sum() > 0.2


def test_the_face_gets_more_texels_than_the_hem(dressed: Mesh) -> None:
    density = uv_areas(dressed) / np.maximum(dressed.areas(), 1e-12)
    middle = dressed.vertices[dressed.faces].mean(1)
    face = (middle[:, 2] > 0.3) & (middle[:, 1] > 0)
    hem = middle[:, 1] < -0.8
    assert np.median(density[face]) > 1.2 * np.median(density[hem])


def scale(mesh: Mesh) -> float:
    """Length on the surface of the texture's side."""
    return float(np.sqrt(mesh.areas().sum() / uv_areas(mesh).sum()))


def uv_areas(mesh: Mesh) -> np.ndarray:
    assert mesh.uv is not None
    corners = mesh.uv[mesh.faces].astype(np.float64)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
