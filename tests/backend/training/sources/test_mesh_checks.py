# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import trimesh

from backend.training.sources.errors import SourceError
from backend.training.sources.mesh_checks import close, opening, outer_faces


def ball(radius: float = 0.6, x: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    mesh = trimesh.creation.icosphere(subdivisions=2, radius=radius)
    return mesh.vertices + np.array([x, 0, 0]), np.array(mesh.faces)


def both(*meshes: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    starts = np.cumsum([0, *(len(vertices) for vertices, _ in meshes)])
    faces = [faces + start for (_, faces), start in zip(meshes, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in meshes]), np.concatenate(faces)


def test_a_closed_body_is_left_as_it_is() -> None:
    vertices, faces = ball()
    solid = close(vertices, faces, "ball")
    assert not solid.notes and not solid.flipped.any() and (solid.source == np.arange(len(faces))).all()
    inside = solid.inside(np.array([[0, 0, 0], [0.5, 0, 0], [0.7, 0, 0]]))
    assert inside.tolist() == [True, True, False] and outer_faces(solid).all()


def test_seams_are_welded() -> None:
    vertices, faces = ball()
    split = vertices[faces].reshape(-1, 3)
    solid = close(split, np.arange(len(split)).reshape(-1, 3), "ball")
    assert not solid.notes and len(solid.vertices) == len(vertices)


def test_inside_out_is_turned_and_told() -> None:
    vertices, faces = ball()
    solid = close(vertices, faces[:, ::-1], "ball")
    assert solid.flipped.all() and solid.notes == ("ball: it was inside out; its faces were turned.",)
    assert solid.inside(np.zeros((1, 3)))[0]


def test_single_faces_that_look_inward_are_turned_and_told() -> None:
    vertices, faces = ball()
    wrong = np.zeros(len(faces), bool)
    wrong[::7] = True
    faces[wrong] = faces[wrong][:, ::-1]
    solid = close(vertices, faces, "ball")
    assert (solid.flipped == wrong).all() and f"{wrong.sum()} of its {len(faces)} faces" in solid.notes[0]


def test_pieces_may_overlap_and_what_is_buried_is_no_surface() -> None:
    solid = close(*both(ball(), ball(0.3, 0.1)), "two")
    outer = outer_faces(solid)
    assert outer[: len(outer) // 2].all() and not outer[len(outer) // 2 :].any()
    assert solid.inside(np.array([[0.1, 0, 0]]))[0]


def test_hollows_stay_hollow_but_a_turned_piece_that_pokes_out_is_solid() -> None:
    vertices, faces = ball(0.3, 0.1)
    hollow = close(*both(ball(), (vertices, faces[:, ::-1])), "shell")
    assert not hollow.inside(np.array([[0.1, 0, 0]]))[0] and hollow.inside(np.array([[-0.5, 0, 0]]))[0]
    vertices, faces = ball(0.3, 0.5)
    poking = close(*both(ball(), (vertices, faces[:, ::-1])), "nose")
    assert poking.inside(np.array([[0.7, 0, 0], [0.5, 0, 0]])).all()


def test_a_bust_gets_a_lid(bust: trimesh.Trimesh) -> None:
    vertices, faces = np.array(bust.vertices), np.array(bust.faces)
    loop = opening(vertices, faces)
    assert loop is not None and len(loop) > 10
    solid = close(vertices, faces, "bust")
    assert (solid.source < 0).sum() == len(loop) and "flat lid" in solid.notes[0]
    closed = trimesh.Trimesh(solid.vertices, solid.faces, process=False)
    assert closed.is_watertight and closed.volume > 0
    below, above = np.array([[0, -0.36, 0]]), np.array([[0, -0.34, 0]])
    assert not solid.inside(below)[0] and solid.inside(above)[0]
    turned = close(vertices, faces[:, ::-1], "bust")
    assert turned.inside(above)[0] and not turned.inside(below)[0]


def test_triangles_without_area_are_left_out() -> None:
    vertices, faces = ball()
    solid = close(vertices, np.concatenate([faces, [[0, 0, 1], [2, 2, 2]]]), "ball")
    assert len(solid.faces) == len(faces) and "2 triangles without area" in solid.notes[0]


def _holed(bust: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    keep = np.ones(len(bust.faces), bool)
    keep[np.argmax(bust.triangles_center[:, 1])] = False
    return np.array(bust.vertices), np.array(bust.faces)[keep]


def _moebius(_: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    across = np.stack([np.cos(turn / 2) * np.cos(turn), np.sin(turn / 2), np.cos(turn / 2) * np.sin(turn)], 1)
    middle = np.stack([np.cos(turn), 0 * turn, np.sin(turn)], 1)
    vertices = np.concatenate([0.6 * middle + 0.2 * across, 0.6 * middle - 0.2 * across])
    rows = np.arange(40)
    following = np.where(rows < 39, rows + 1, 40)
    partner = np.where(rows < 39, rows + 41, 0)
    return vertices, np.concatenate(
        [np.stack([rows, following, rows + 40], 1), np.stack([rows + 40, following, partner], 1)]
    )


def _fin(_: trimesh.Trimesh) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = ball()
    edge = faces[0, :2]
    return np.concatenate([vertices, [[2.0, 2, 2]]]), np.concatenate([faces, [[*edge, len(vertices)]]])


BAD = {
    "hole above": (lambda bust: _holed(bust), "is open: it has 2 holes"),
    "upside down": (lambda bust: (np.array(bust.vertices) * [1, -1, -1], bust.faces), "one hole that is not the flat"),
    "one-sided": (_moebius, "is open"),
    "fin": (_fin, "1 edges with more than two faces"),
    "sheet": (lambda _: (np.eye(3), np.array([[0, 1, 2], [2, 1, 0]])), "encloses nothing"),
    "triangle": (lambda _: (np.eye(3), np.array([[0, 1, 2]])), "is open"),
    "points": (lambda _: (np.zeros((3, 3)), np.array([[0, 1, 2]])), "only triangles without area"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_has_no_inside_is_refused_in_one_sentence(bust: trimesh.Trimesh, name: str) -> None:
    make, says = BAD[name]
    vertices, faces = make(bust)
    with pytest.raises(SourceError, match=says) as caught:
        close(np.asarray(vertices, float), np.asarray(faces), "mesh")
    assert "\n" not in caught.value.message and caught.value.hint
