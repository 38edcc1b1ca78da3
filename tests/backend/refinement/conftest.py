# SPDX-License-Identifier: GPL-3.0-or-later
"""A head whose face is a photograph: the face finder sees one, and where each pixel belongs is known."""

import cv2
import numpy as np
import pytest
import torch

from backend.faces.networks import FaceFinder
from backend.faces.portrait import Portrait, load_portrait
from backend.geometry.cameras import Camera
from backend.refinement.registration import WIDER, training_camera
from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from backend.surface.unwrap import unwrap
from backend.texture.bake import bake
from backend.texture.maps import TextureSet
from tests.analytic import SphereField

HAIR = (0.35, 0.33, 0.3)


class PaintedHead(SphereField):
    """An egg on shoulders that shows a portrait's aligned square from the training camera, and hair elsewhere."""

    def __init__(self, portrait: Portrait) -> None:
        self.picture = torch.from_numpy(cv2.GaussianBlur(portrait.crop, (0, 0), 1.0)).float() / 255
        wide = training_camera()
        middle = torch.tensor([[1, 0, -0.5 * (WIDER - 1)], [0, 1, -0.5 * (WIDER - 1)], [0, 0, 1]])
        # The training camera shows a wider square: cut the aligned one out of its middle.
        cut = torch.diag(torch.tensor([WIDER, WIDER, 1.0])) @ wide.intrinsics
        self.camera = Camera(wide.cam_to_world, middle @ cut)

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        scaled = (points - points.new_tensor([0, 0.15, -0.05])) / points.new_tensor([0.43, 0.6, 0.5])
        head = (scaled.norm(dim=-1) - 1) * 0.43
        body = ((points - points.new_tensor([0, -1.0, -0.1])) / points.new_tensor([0.8, 0.55, 0.4])).norm(dim=-1)
        return torch.minimum(head, (body - 1) * 0.4).clamp(-0.1, 0.1)

    def rgb(self, points: torch.Tensor) -> torch.Tensor:
        place, _ = self.camera.project(points)
        grid = (place * 2 - 1)[None, None]
        picture = self.picture.permute(2, 0, 1)[None]
        seen = torch.nn.functional.grid_sample(picture, grid, align_corners=False, padding_mode="border")[0, :, 0].T
        front = ((points[:, 2:] + 0.05) * 8).clamp(0, 1)
        return seen * front + points.new_tensor(HAIR) * (1 - front)


@pytest.fixture(scope="session")
def portrait(portraits: dict[str, bytes], finder: FaceFinder) -> Portrait:
    return load_portrait(portraits["bluford"], finder)


@pytest.fixture(scope="session")
def head(portrait: Portrait) -> PaintedHead:
    return PaintedHead(portrait)


@pytest.fixture(scope="session")
def mesh(head: PaintedHead) -> Mesh:
    return unwrap(clean(extract(head, 64), 4000), 512)


@pytest.fixture(scope="session")
def textures(head: PaintedHead, mesh: Mesh) -> TextureSet:
    return bake(head, mesh, 512)


class Blind:
    """A finder that sees no faces; mattes are all person."""

    def landmarks(self, image: np.ndarray) -> None:
        return None

    def matte(self, image: np.ndarray) -> np.ndarray:
        return np.ones(image.shape[:2], np.float32)


@pytest.fixture
def blind() -> Blind:
    return Blind()
