# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of one subject from known cameras: what a field is fitted to, and what it is judged by."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.cameras import Camera, orbit
from ..studio.views import Scene, render_view

HELD_OUT = 12
"""Views on the ring that judges fits."""
HELD_OUT_ELEVATION = 0.05


@dataclass(frozen=True, slots=True)
class ViewSet:
    """Square or rectangular pictures of one size over white, one camera each."""

    cameras: Camera
    """A batch of K cameras."""
    rgb: Float[Tensor, "K H W 3"]
    """sRGB in [0, 1] over white."""
    alpha: Float[Tensor, "K H W"]
    """Coverage in [0, 1]."""

    def __post_init__(self) -> None:
        count = len(self.cameras.cam_to_world)
        if self.rgb.shape[0] != count or self.rgb.shape[:3] != self.alpha.shape or self.rgb.shape[3] != 3:
            raise ValueError(
                f"pictures must be [K, H, W, 3] with coverage [K, H, W] for K cameras, got {list(self.rgb.shape)}, "
                f"{list(self.alpha.shape)} and {count} cameras"
            )

    def __len__(self) -> int:
        return len(self.rgb)

    def to(self, device: torch.device) -> "ViewSet":
        """The same views on a device."""
        cameras = Camera(self.cameras.cam_to_world.to(device), self.cameras.intrinsics.to(device))
        return ViewSet(cameras, self.rgb.to(device), self.alpha.to(device))


def training_cameras(count: int = 32) -> Camera:
    """Cameras all around a bust, at elevations between -0.3 and 0.4 that do not repeat; none on the held-out ring."""
    return stack_cameras(
        [orbit(2 * math.pi * (k + 0.37) / count, 0.05 + 0.35 * math.sin(2.4 * k + 0.6)) for k in range(count)]
    )


def held_out_cameras(count: int = HELD_OUT) -> Camera:
    """The ring that training never sees: evenly around the bust, a little above the eyes."""
    return stack_cameras([orbit(2 * math.pi * k / count, HELD_OUT_ELEVATION) for k in range(count)])


def stack_cameras(cameras: list[Camera]) -> Camera:
    """Single cameras as one batch."""
    return Camera(
        torch.stack([camera.cam_to_world for camera in cameras]), torch.stack([camera.intrinsics for camera in cameras])
    )


def studio_views(scene: Scene, cameras: Camera, size: int = 128, samples: int = 3) -> ViewSet:
    """Ray-cast pictures of a studio person, `samples`² rays averaged in each pixel."""
    rgb, alpha = [], []
    for index in range(len(cameras.cam_to_world)):
        view = render_view(scene, cameras[index], size, samples)
        rgb.append((view.rgb + 1 - view.alpha[..., None]).clip(0, 1))
        alpha.append(view.alpha.clip(0, 1))
    return ViewSet(cameras, torch.from_numpy(np.stack(rgb)).float(), torch.from_numpy(np.stack(alpha)).float())


def views_to_arrays(views: ViewSet, prefix: str = "") -> dict[str, np.ndarray]:
    """Views for a file, eight bits a channel; `views_from_arrays` undoes it."""
    return {
        f"{prefix}rgb": _bytes(views.rgb),
        f"{prefix}alpha": _bytes(views.alpha),
        f"{prefix}cam_to_world": views.cameras.cam_to_world.cpu().numpy(),
        f"{prefix}intrinsics": views.cameras.intrinsics.cpu().numpy(),
    }


def views_from_arrays(arrays: Mapping[str, np.ndarray], prefix: str = "") -> ViewSet:
    """Views from the arrays of `views_to_arrays`."""
    rgb, alpha = (torch.from_numpy(arrays[prefix + name]).float() / 255 for name in ("rgb", "alpha"))
    cam_to_world, intrinsics = (torch.from_numpy(arrays[prefix + name]) for name in ("cam_to_world", "intrinsics"))
    return ViewSet(Camera(cam_to_world, intrinsics), rgb, alpha)


def save_views(views: ViewSet, path: Path) -> None:
    """Write views alone, in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with unfinished.open("wb") as file:
        np.savez(file, **views_to_arrays(views))
    unfinished.replace(path)


def load_views(path: Path) -> ViewSet:
    """Read what `save_views` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return views_from_arrays(stored)


def _bytes(values: Tensor) -> np.ndarray:
    return (values * 255 + 0.5).clamp(0, 255).byte().cpu().numpy()
