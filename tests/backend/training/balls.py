# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects that cost nothing: balls of one colour, with pictures and point samples."""

import numpy as np
import torch

from backend.geometry import TRUNCATION
from backend.geometry.rendering import render_views
from backend.training.subjects import SubjectData
from backend.training.views import ViewSet, held_out_cameras, training_cameras


class Ball:
    """A field whose distance and colour are known."""

    extent = 1.0
    device = torch.device("cpu")

    def __init__(self, radius: float, colour: tuple[float, float, float]) -> None:
        self.radius, self.colour = radius, torch.tensor(colour)

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        return (points.norm(dim=-1) - self.radius).clamp(-TRUNCATION, TRUNCATION)

    def rgb(self, points: torch.Tensor) -> torch.Tensor:
        return self.colour.expand(len(points), 3)


def ball_subject(index: int, size: int = 24, cameras: int = 6) -> SubjectData:
    """The ball of a number, in the form of a studio person."""
    random = np.random.default_rng(index)
    radius, colour = 0.45 + 0.04 * index, random.uniform(0.2, 0.9, 3)
    ball = Ball(radius, tuple(colour.tolist()))
    points = random.uniform(-1, 1, (4000, 3))
    direction = random.normal(size=(2000, 3))
    surface = radius * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    line = (np.arange(32) + 0.5) / 32 * 2 - 1
    rows, columns = np.meshgrid(line, line, indexing="ij")
    height = np.sqrt(np.clip(radius**2 - rows**2 - columns**2, 0, None))
    inside = (height > 0)[..., None]
    view = np.concatenate([inside * colour * 255, inside * 255.0], -1).astype(np.uint8)
    arrays = {
        "points": points.astype(np.float16),
        "sdf": np.clip(np.linalg.norm(points, axis=1) - radius, -TRUNCATION, TRUNCATION).astype(np.float16),
        "surface": surface.astype(np.float16),
        "colour": np.tile(colour * 255, (2000, 1)).astype(np.uint8),
        "axis_rgba": np.tile(view, (3, 2, 1, 1, 1)),
        "axis_depth": np.stack([np.stack([height, -height])] * 3).astype(np.float16),
    }
    seen = (_pictures(ball, training_cameras(cameras), size), _pictures(ball, held_out_cameras(2), size))
    return SubjectData(f"{index:08d}", *seen, arrays)


def _pictures(ball: Ball, cameras, size: int) -> ViewSet:
    views = render_views(ball, cameras, size, size)
    rgb, alpha = (
        torch.stack([torch.as_tensor(getattr(view, name)) for view in views]).clone() for name in ("rgb", "alpha")
    )
    return ViewSet(cameras, rgb.clamp(0, 1), alpha.clamp(0, 1))
