# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import torch

from backend.faces.networks import FaceFinder
from backend.faces.portrait import Portrait
from backend.geometry.cameras import orbit
from backend.refinement.registration import (
    UNSEEN,
    WIDER,
    find_camera,
    fit_shift,
    match_outlines,
    register,
    surface_landmarks,
    training_camera,
    trust_map,
)
from backend.surface.mesh import Mesh
from backend.texture.maps import TextureSet
from backend.texture.preview import bilinear


def test_the_camera_of_a_painted_head_is_found(
    portrait: Portrait, mesh: Mesh, textures: TextureSet, finder: FaceFinder
) -> None:
    found = register(portrait, mesh, textures, finder, 256)
    assert found.notes == ()
    # The picture was painted from the training camera: the same places must be found by it.
    points = torch.tensor([[0.0, 0.1, 0.44], [0.15, 0.25, 0.38], [-0.15, 0.25, 0.38], [0.0, -0.1, 0.42]])
    here, _ = found.photograph.camera.project(points)
    truth, _ = training_camera().project(points)
    shift = bilinear(found.photograph.shift, here.numpy() * len(found.photograph.shift) - np.float32(0.5))
    assert np.abs(here.numpy() + shift - truth.numpy()).max() < 0.02
    assert len(found.face) > 10 and found.face.min() > 0 and found.face.max() < 1


def test_without_a_face_the_training_camera_is_used_and_said(
    portrait: Portrait, mesh: Mesh, textures: TextureSet, blind: FaceFinder
) -> None:
    found = register(portrait, mesh, textures, blind, 128)
    assert found.notes == (UNSEEN,)
    assert torch.equal(found.photograph.camera.cam_to_world, training_camera().cam_to_world)
    assert len(found.face) > 10, "the face in the photograph is known all the same"


def test_landmarks_lie_on_the_surface(mesh: Mesh, textures: TextureSet, finder: FaceFinder, head) -> None:
    points = surface_landmarks(mesh, textures, finder)
    assert points is not None and points.shape == (468, 3)
    assert head.sdf(torch.from_numpy(points)).abs().max() < 0.03
    assert points[33, 0] < points[263, 0], "the subject's right eye is at -X"


def test_no_face_no_landmarks(mesh: Mesh, textures: TextureSet, blind: FaceFinder) -> None:
    assert surface_landmarks(mesh, textures, blind) is None


def test_a_known_camera_is_recovered() -> None:
    rng = np.random.default_rng(0)
    solid = rng.uniform([-0.3, -0.1, 0.2], [0.3, 0.45, 0.5], (468, 3))
    camera = orbit(0.3, -0.1, 4.4, 0.4, (0.0, 0.15, 0.0))
    seen = camera.project(torch.from_numpy(solid).float())[0].numpy()
    found = find_camera(solid, seen)
    assert found is not None
    again = found.project(torch.from_numpy(solid).float())[0].numpy()
    assert np.abs(again - seen).max() < 0.004
    towards = found.cam_to_world[:3, 3] / found.cam_to_world[:3, 3].norm()
    assert (towards @ camera.cam_to_world[:3, 3]) / camera.cam_to_world[:3, 3].norm() > 0.99


def test_points_that_no_camera_explains_are_refused() -> None:
    rng = np.random.default_rng(0)
    solid = rng.uniform([-0.3, -0.1, 0.2], [0.3, 0.45, 0.5], (468, 3))
    assert find_camera(solid, rng.random((468, 2))) is None


def test_the_typical_face_fills_the_aligned_square() -> None:
    points = torch.tensor([[-0.17, 0.25, 0.38], [0.17, 0.25, 0.38], [0.0, -0.09, 0.42]])
    place, _ = training_camera().project(points)
    middle = (place - 0.5) * WIDER
    assert abs(float(middle[:, 0].mean())) < 0.01
    assert (middle.abs() < 0.25).all()


def test_outlines_pair_up_around_the_crown(mesh: Mesh) -> None:
    camera = training_camera()
    from backend.texture.raster import raster_view

    own = (raster_view(mesh, camera, 256, 256).face >= 0).astype(np.float32)
    here, there = match_outlines(own, mesh, camera)
    assert len(here) > 20
    assert np.abs(here - there).max() < 0.02
    assert len(match_outlines(np.ones_like(own), mesh, camera)[0]) == 0, "a matte without outline says nothing"


def test_a_shift_hits_its_targets_and_never_folds() -> None:
    rng = np.random.default_rng(0)
    placed = rng.uniform(0.3, 0.7, (200, 2))
    smooth = 0.02 * np.sin(6 * placed[:, ::-1])
    shift = fit_shift(placed, placed + smooth, 200)
    read = bilinear(shift, (placed * len(shift) - 0.5).astype(np.float32))
    assert np.abs(read - smooth).max() < 0.01
    assert np.abs(read - smooth).mean() < 0.003
    wild = fit_shift(placed, placed + rng.normal(0, 0.05, placed.shape), 200)
    side = len(wild)
    axis = (np.arange(side) + 0.5) / side
    moved = np.stack(np.meshgrid(axis, axis), -1) + wild
    down, across = np.gradient(moved, 1 / side, axis=(0, 1))
    assert (across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]).min() > 0
    assert (fit_shift(np.zeros((0, 2)), np.zeros((0, 2)), 0) == 0).all()


def test_trust_is_drawn_in_from_the_outline_and_the_border() -> None:
    y, x = np.mgrid[0:256, 0:256] / 255
    matte = ((x - 0.5) ** 2 + (y - 0.4) ** 2 < 0.09).astype(np.float32)
    trust = trust_map(matte, 512)
    assert trust.shape == (512, 512)
    assert trust[200, 256] > 0.99
    assert (trust[cv_resize(matte) == 0] < 0.02).all()
    assert trust_map(np.ones((256, 256), np.float32), 256)[:3].max() < 0.05


def cv_resize(matte: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(matte, 2, 0), 2, 1)


class SeesShapesOnly:
    """A finder that paint confuses: it finds a face in grey pictures alone, always at the same pixels."""

    def __init__(self) -> None:
        self.looks = 0

    def landmarks(self, image: np.ndarray) -> np.ndarray | None:
        self.looks += 1
        inside = image[len(image) // 2 - 20 : len(image) // 2 + 20, len(image) // 2 - 20 : len(image) // 2 + 20]
        if np.ptp(inside.astype(int), axis=2).max() > 12:
            return None
        return np.tile(np.array([len(image) / 2, len(image) / 2, 0], np.float32), (468, 1))


def test_where_paint_hides_the_face_the_shape_is_looked_at(mesh: Mesh, textures: TextureSet) -> None:
    finder = SeesShapesOnly()
    solid = surface_landmarks(mesh, textures, finder)
    assert solid is not None and finder.looks == 5
    assert np.abs(solid[0] - [0, 0.15, 0.45]).max() < 0.06, "the middle of the picture, on the surface"
