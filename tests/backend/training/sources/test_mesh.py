# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from backend.training.sources.errors import SourceError
from backend.training.sources.mesh import read_mesh
from backend.training.sources.normalise import FILL, FLOOR, Sphere

SMALL = {"view_size": 24}


@pytest.fixture
def textured(tmp_path: Path) -> Path:
    """A ball of radius 20 somewhere else, red on its upper half and blue below, as an OBJ with a picture."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=20)
    uv = np.stack([np.full(len(ball.vertices), 0.5), ball.vertices[:, 1] / 40 + 0.5], 1)
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:32], picture[32:] = (200, 30, 30), (30, 30, 200)
    material = trimesh.visual.material.SimpleMaterial(image=Image.fromarray(picture), diffuse=[255] * 4)
    ball.visual = trimesh.visual.TextureVisuals(uv=uv, material=material)
    ball.apply_translation([100, -50, 30])
    ball.export(tmp_path / "ball.obj")
    return tmp_path / "ball.obj"


def test_samples_of_a_ball_are_those_of_the_ball_in_the_box(textured: Path) -> None:
    source = read_mesh(textured, **SMALL)
    assert source.notes == () and source.placement.scale == pytest.approx(FILL / 20, rel=1e-3)
    points, sdf = (source.samples[name].astype(float) for name in ("points", "sdf"))
    true = (np.linalg.norm(points, axis=1) - FILL).clip(-0.1, 0.1)
    # The walls of the box cut nothing off; a triangulated ball lies a little inside the round one.
    assert np.abs(sdf - true)[np.abs(points).max(1) < 0.9].max() < 0.02
    surface, colour = source.samples["surface"].astype(float), source.samples["colour"]
    np.testing.assert_allclose(np.linalg.norm(surface, axis=1), FILL, atol=0.02)
    red, blue = surface[:, 1] > 0.1, surface[:, 1] < -0.1
    assert (colour[red] == (200, 30, 30)).all() and (colour[blue] == (30, 30, 200)).all()
    np.testing.assert_allclose(source.placement.to_user(surface).mean(0), [100, -50, 30], atol=0.3)


def test_pictures_show_the_ball_from_every_side(textured: Path) -> None:
    source = read_mesh(textured, **SMALL)
    assert source.train.rgb.shape[1:] == (24, 24, 3) and len(source.held) == 12
    np.testing.assert_allclose(source.held.rgb[:, 6, 12], np.tile([200, 30, 30], (12, 1)) / 255, atol=0.01)
    np.testing.assert_allclose(source.held.rgb[:, 18, 12], np.tile([30, 30, 200], (12, 1)) / 255, atol=0.01)
    assert (source.held.alpha[:, 0, 0] == 0).all() and (source.held.rgb[:, 0, 0] == 1).all()


def test_a_glb_of_the_same_ball_says_the_same(textured: Path, tmp_path: Path) -> None:
    trimesh.load(textured).export(tmp_path / "ball.glb")
    one, other = read_mesh(textured, **SMALL), read_mesh(tmp_path / "ball.glb", **SMALL)
    np.testing.assert_allclose(one.held.rgb, other.held.rgb, atol=0.02)
    np.testing.assert_allclose(one.samples["sdf"], other.samples["sdf"], atol=2e-3)


def test_a_bust_stands_on_the_floor_with_its_lid_down(bust: trimesh.Trimesh, tmp_path: Path) -> None:
    bust.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, [1, 0, 0]))
    bust.export(tmp_path / "bust.stl")
    source = read_mesh(tmp_path / "bust.stl", up="z", **SMALL)
    assert "grey" in source.notes[0] and "lid" in source.notes[1]
    surface = source.samples["surface"].astype(float)
    assert surface[:, 1].min() == pytest.approx(FLOOR, abs=2e-3)
    assert np.abs(surface[:, 0]).max() == pytest.approx(FILL, abs=0.01)
    points, sdf = (source.samples[name].astype(float) for name in ("points", "sdf"))
    core = (np.abs(points[:, [0, 2]]).max(1) < 0.2) & (points[:, 1] > -0.8) & (points[:, 1] < 0.2)
    assert (sdf[core] < 0).all()


def test_shells_are_solid_as_far_as_they_hide_what_is_within(bust: trimesh.Trimesh, tmp_path: Path) -> None:
    keep = np.ones(len(bust.faces), bool)
    keep[np.argsort(bust.triangles_center[:, 1])[-6:]] = False
    trimesh.Trimesh(bust.vertices, bust.faces[keep]).export(tmp_path / "open.ply")
    with pytest.raises(SourceError, match="2 holes"):
        read_mesh(tmp_path / "open.ply", **SMALL)
    source = read_mesh(tmp_path / "open.ply", shells=True, **SMALL)
    assert 0.1 < (source.samples["sdf"] < 0).mean() < 0.7


def test_the_user_may_say_which_part_fills_the_box(textured: Path) -> None:
    source = read_mesh(textured, sphere=Sphere((100, -30, 30), 10), **SMALL)
    np.testing.assert_allclose(source.placement.to_box(np.array([100.0, -30, 30])), 0)
    assert (source.samples["colour"] == (200, 30, 30)).all()
    with pytest.raises(SourceError, match="nothing of the mesh lies in the box"):
        read_mesh(textured, sphere=Sphere((0, 0, 0), 1), **SMALL)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not there"):
        read_mesh(tmp_path / "gone.obj")
