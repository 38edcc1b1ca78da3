# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import torch

from backend.surface.clean import clean, largest_piece, repair, simplify
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from tests.analytic import BustField, SphereField


def together(*meshes: Mesh) -> Mesh:
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]).astype(np.int32),
    )


def tetrahedron() -> Mesh:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    return Mesh(vertices, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32))


def test_floaters_and_bubbles_go() -> None:
    large, small = extract(SphereField(0.6), 32), extract(SphereField(0.2), 32)
    piece = largest_piece(together(small, large))
    assert len(piece.faces) == len(large.faces)
    assert np.isclose(piece.volume(), large.volume(), rtol=1e-5)


def test_a_clean_bust_is_closed_within_its_budget() -> None:
    mesh = clean(extract(BustField(), 64), 3000)
    assert len(mesh.faces) <= 3000
    assert mesh.is_closed() and mesh.euler() == 2 and mesh.volume() > 0
    assert mesh.areas().min() > 1e-9
    assert np.isclose(mesh.volume(), extract(BustField(), 64).volume(), rtol=0.01)
    assert mesh.vertices.dtype == np.float32 and mesh.faces.dtype == np.int32


def test_no_simplified_face_is_folded_over() -> None:
    mesh = clean(extract(SphereField(0.6), 64), 2000)
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((normals * corners.mean(1)).sum(1) > 0).all()


def test_simplify_leaves_small_meshes_alone() -> None:
    mesh = tetrahedron()
    assert simplify(mesh, 100) is mesh


def test_repair_collapses_needles_and_flips_caps() -> None:
    mesh = extract(SphereField(0.6), 32)
    # A needle: one vertex pulled onto its neighbour. A cap: a vertex pulled onto the opposite edge.
    vertices = mesh.vertices.copy()
    a, b, _ = mesh.faces[100]
    vertices[a] = vertices[b] + 1e-7
    c, d, e = mesh.faces[900]
    vertices[c] = (vertices[d] + vertices[e]) / 2
    mended = repair(Mesh(vertices, mesh.faces))
    assert mended.is_closed() and mended.euler() == 2
    corners = mended.vertices[mended.faces].astype(np.float64)
    longest = np.linalg.norm(corners[:, [1, 2, 0]] - corners, axis=2).max(1)
    assert (2 * mended.areas() > 1e-3 * longest**2).all()


def test_repair_removes_faces_back_to_back() -> None:
    mesh = tetrahedron()
    flap = np.array([[0, 1, 4], [1, 0, 4]], np.int32)
    vertices = np.concatenate([mesh.vertices, [[0.5, -1, -1]]]).astype(np.float32)
    mended = repair(Mesh(vertices, np.concatenate([mesh.faces, flap])))
    assert len(mended.faces) == 4 and len(mended.vertices) == 4 and mended.is_closed()


class Torn(SphereField):
    """A ball eaten by noise: hundreds of handles and thin bridges."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        x, y, z = (points * 25).unbind(-1)
        noise = torch.sin(x + 2 * torch.sin(z)) * torch.sin(y + 2 * torch.sin(x)) * torch.sin(z + 2 * torch.sin(y))
        return (points.norm(dim=-1) - 0.6 + 0.12 * noise).clamp(-0.1, 0.1)


def test_a_torn_field_still_gives_a_closed_mesh_within_the_budget() -> None:
    mesh = clean(extract(Torn(), 64), 2000)
    assert mesh.is_closed()
    assert len(mesh.faces) < 3000
    assert mesh.volume() > 0
