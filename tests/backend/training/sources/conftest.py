# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

from backend.geometry.cameras import orbit
from backend.geometry.rendering import render

OPENCV_TO_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])


class Egg:
    """An analytic field: an ellipsoid, red where x > 0, green elsewhere, darker below."""

    extent = 1.0
    device = torch.device("cpu")
    radii = torch.tensor([0.5, 0.7, 0.45])

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        scaled = points / self.radii
        length = scaled.norm(dim=-1)
        return (length * (length - 1) / (scaled / self.radii).norm(dim=-1).clamp_min(1e-6)).clamp(-0.1, 0.1)

    def rgb(self, points: torch.Tensor) -> torch.Tensor:
        red = points[:, :1] > 0
        colour = torch.where(red, torch.tensor([[0.8, 0.2, 0.2]]), torch.tensor([[0.2, 0.7, 0.3]]))
        return colour * torch.where(points[:, 1:2] > 0, 1.0, 0.6)


@pytest.fixture(scope="session")
def egg() -> Egg:
    return Egg()


@pytest.fixture(scope="session")
def egg_frames(egg: Egg) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sixteen pictures [64, 64, 4] uint8 from all around, with OpenGL camera-to-world matrices."""
    frames = []
    for k in range(16):
        camera = orbit(2 * math.pi * k / 16, 0.1 + 0.4 * math.sin(2.4 * k), target=(0.0, 0.0, 0.0))
        view = render(egg, camera, 64, 64, background=0.0)
        straight = view.rgb / view.alpha.clamp_min(1e-3)[..., None]
        rgba = torch.cat([straight, view.alpha[..., None]], -1).clamp(0, 1)
        frames.append(((rgba.numpy() * 255 + 0.5).astype(np.uint8), camera.cam_to_world.double().numpy()))
    return [(rgba, matrix @ OPENCV_TO_OPENGL) for rgba, matrix in frames]


@pytest.fixture
def write_pictures(tmp_path: Path, egg_frames: list) -> Callable[..., Path]:
    """Writes a folder with transforms.json; `edit` may change its content before."""

    def write(edit: Callable[[dict], None] | None = None, mode: str = "RGBA") -> Path:
        header = {"camera_angle_x": 0.4538, "frames": []}
        for k, (rgba, matrix) in enumerate(egg_frames):
            picture = Image.fromarray(rgba)
            if mode == "RGB":
                picture = Image.alpha_composite(Image.new("RGBA", picture.size, (30, 60, 90)), picture).convert("RGB")
            picture.save(tmp_path / f"r_{k}.png")
            header["frames"].append({"file_path": f"./r_{k}", "transform_matrix": matrix.tolist()})
        if edit is not None:
            edit(header)
        (tmp_path / "transforms.json").write_text(json.dumps(header))
        return tmp_path

    return write


@pytest.fixture
def bust() -> trimesh.Trimesh:
    """A ball whose bottom is cut off flat, open there; +Y up."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.6)
    flat = ball.vertices[:, 1] < -0.35
    faces = ball.faces[~flat[ball.faces].any(1)]
    mesh = trimesh.Trimesh(ball.vertices, faces, process=True)
    rim = trimesh.grouping.group_rows(mesh.edges_sorted, require_count=1)
    mesh.vertices[np.unique(mesh.edges[rim]), 1] = -0.35
    return mesh
