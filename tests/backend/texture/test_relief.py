# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from backend.surface.unwrap import unwrap
from backend.texture import relief
from backend.texture.raster import raster_uv
from backend.texture.relief import encode, normal_map, slopes, tangents
from tests.analytic import SphereField

SIZE = 256


class Wavy(SphereField):
    """A ball with small waves that a simplified mesh does not have."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        waves = 0.004 * torch.sin(25 * points[:, 0]) * torch.sin(25 * points[:, 1])
        return (points.norm(dim=-1) - 0.6 + waves).clamp(-0.1, 0.1)


@pytest.fixture(scope="module")
def ball() -> Mesh:
    return unwrap(clean(extract(SphereField(0.6), 64), 1500), SIZE)


def decoded(content: np.ndarray, mesh: Mesh) -> np.ndarray:
    """World normals as MikkTSpace's users see them: nothing is made a unit before the end."""
    raster = raster_uv(mesh, SIZE)
    normal = raster.interpolate(mesh.faces, mesh.normals())
    tangent = raster.interpolate(mesh.faces, tangents(mesh, mesh.normals()))
    local = content / 127.5 - 1
    world = local[:, :1] * tangent + local[:, 1:2] * np.cross(normal, tangent) + local[:, 2:] * normal
    return world / np.linalg.norm(world, axis=1, keepdims=True)


def degrees(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((one * two).sum(1), -1, 1)))


def test_the_fine_surface_shows_on_the_simplified_one(ball: Mesh) -> None:
    raster = raster_uv(ball, SIZE)
    points = raster.interpolate(ball.faces, ball.vertices)
    truth = slopes(Wavy(), points)
    shown = decoded(normal_map(Wavy(), ball, raster).astype(np.float32), ball)
    assert np.percentile(degrees(shown, truth), 99) < 1.2
    plain = raster.interpolate(ball.faces, ball.normals())
    assert degrees(plain / np.linalg.norm(plain, axis=1, keepdims=True), truth).mean() > 2.5


def test_larger_textures_take_slopes_between_those_that_were_asked(ball: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    raster = raster_uv(ball, SIZE)
    every = normal_map(Wavy(), ball, raster).astype(np.float32)
    asked: list[int] = []

    class Counting(Wavy):
        def sdf(self, points: torch.Tensor) -> torch.Tensor:
            asked.append(len(points))
            return super().sdf(points)

    monkeypatch.setattr(relief, "FINEST", SIZE // 2)
    between = normal_map(Counting(), ball, raster).astype(np.float32)
    assert sum(asked) < 0.3 * 6 * len(every)
    assert np.percentile(degrees(decoded(between, ball), decoded(every, ball)), 99) < 1.5


def test_slopes_are_those_of_the_field() -> None:
    points = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    points *= 0.6 / np.linalg.norm(points, axis=1, keepdims=True)
    assert degrees(slopes(SphereField(0.6), points), points / 0.6).max() < 0.1


def test_red_points_right_and_green_up_in_the_texture() -> None:
    square = Mesh(
        np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32),
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),
    )
    assert np.allclose(tangents(square, square.normals()), [1, 0, 0])
    up = np.tile(np.array([[0, 0, 1.0]]), (3, 1))
    leaning = np.array([[0, 0, 1], [0.6, 0, 0.8], [0, 0.6, 0.8]])
    colours = encode(leaning, np.tile([[1.0, 0, 0]], (3, 1)), up).astype(int)
    assert np.abs(colours - [[128, 128, 255], [204, 128, 230], [128, 204, 230]]).max() <= 1


def test_tangents_follow_the_texture_and_stand_on_the_normals(ball: Mesh) -> None:
    found = tangents(ball, ball.normals())
    assert np.abs((found * ball.normals()).sum(1)).max() < 1e-5
    corners, flat = ball.vertices[ball.faces], ball.uv[ball.faces]
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    first, second = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    along = one * second[:, 1:] - two * first[:, 1:]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    assert np.median(degrees(along, found[ball.faces[:, 0]])) < 8


def test_where_the_field_knows_no_cut_the_mesh_is_believed(ball: Mesh) -> None:
    class Sideways(SphereField):
        def sdf(self, points: torch.Tensor) -> torch.Tensor:
            return points[:, 0] * 0.5

    raster = raster_uv(ball, SIZE)
    plain = raster.interpolate(ball.faces, ball.normals())
    shown = decoded(normal_map(Sideways(), ball, raster).astype(np.float32), ball)
    across = np.abs(plain[:, 0]) < 0.3
    assert degrees(shown, plain / np.linalg.norm(plain, axis=1, keepdims=True))[across].max() < 1.2


@pytest.mark.blender
def test_blender_finds_the_same_tangents(ball: Mesh) -> None:
    bpy = pytest.importorskip("bpy", reason="bpy is an extra")
    plain = bpy.data.meshes.new("ball")
    plain.from_pydata(ball.vertices.tolist(), [], ball.faces.tolist())
    layer = plain.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", ball.uv[ball.faces].reshape(-1))
    plain.shade_smooth()
    plain.normals_split_custom_set_from_vertices(ball.normals().tolist())
    plain.calc_tangents(uvmap="UVMap")
    theirs = np.empty(3 * len(plain.loops), np.float32)
    plain.loops.foreach_get("tangent", theirs)
    signs = np.empty(len(plain.loops), np.float32)
    plain.loops.foreach_get("bitangent_sign", signs)
    ours = tangents(ball, ball.normals())[ball.faces].reshape(-1, 3)
    assert (signs == 1).all()
    assert np.percentile(degrees(theirs.reshape(-1, 3), ours), 99) < 1.0
