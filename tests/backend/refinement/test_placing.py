# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.refinement.placing import REFERENCE, UNSEEN, find_place
from backend.surface.mesh import Mesh
from backend.surface.user_head import HeadError

AXIS_TURNS = {
    "as it stands": np.eye(3),
    "Z up": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "looks along -X": np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]]),
}


def moved(mesh: Mesh, turn: np.ndarray, size: float) -> Mesh:
    vertices = size * (mesh.vertices @ turn.T) + size * np.array([3, -2, 5])
    return Mesh(vertices.astype(np.float32), mesh.faces, mesh.uv)


@pytest.mark.parametrize("name", AXIS_TURNS)
def test_a_head_in_any_unit_and_along_any_axis_comes_out_as_avatars_stand(name, mesh, textures, finder) -> None:
    turn, size = AXIS_TURNS[name], 230.0
    placing = find_place(moved(mesh, turn, size), textures, finder)
    assert placing.notes == () and placing.error is not None and placing.error < 0.13
    assert np.degrees(np.arccos((np.trace(placing.rotation @ turn) - 1) / 2)) < 12
    assert 0.8 < placing.scale * size < 1.25
    back = placing.apply(moved(mesh, turn, size).vertices)
    assert np.linalg.norm(back - mesh.vertices, axis=1).mean() < 0.2


def test_a_head_that_lies_askew_is_raised(mesh, textures, finder) -> None:
    turn = Rotation.from_euler("xyz", [25, 15, 70], degrees=True).as_matrix()
    placing = find_place(moved(mesh, turn, 1.0), textures, finder)
    assert np.degrees(np.arccos((np.trace(placing.rotation @ turn) - 1) / 2)) < 15


def test_axes_that_are_named_hold(mesh, textures, finder) -> None:
    turned = moved(mesh, AXIS_TURNS["Z up"], 1.0)
    placing = find_place(turned, textures, finder, up="Z", front="-Y")
    assert np.allclose(placing.rotation @ AXIS_TURNS["Z up"], np.eye(3))
    with pytest.raises(HeadError, match="cannot look along -Z"):
        find_place(turned, textures, finder, up="Z", front="-Z")
    with pytest.raises(HeadError, match="no axis 'W'"):
        find_place(turned, textures, finder, up="W", front="X")


def test_without_a_face_the_size_decides_and_that_is_said(mesh, blind) -> None:
    turned = moved(mesh, AXIS_TURNS["Z up"], 40.0)
    placing = find_place(turned, None, blind, up="Z", front="-Y")
    assert placing.notes == (UNSEEN,)
    placed = placing.apply(turned.vertices)
    assert placed[:, 1].max() == pytest.approx(0.82, abs=1e-3) and np.abs(placed.mean(0)[[0, 2]]).max() < 0.2
    assert 0.7 < np.ptp(placed[:, 2]) < 1.3


def test_the_reference_face_is_even() -> None:
    places = np.array(list(REFERENCE.values()))
    assert np.allclose(sorted(places[:, 0]), sorted(-places[:, 0]))
    assert (places[:, 2] > 0.3).all()
