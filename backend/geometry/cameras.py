# SPDX-License-Identifier: GPL-3.0-or-later
"""Pinhole cameras in the OpenCV frame and the rays through their pixels."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


class CameraError(ValueError):
    """A camera that cannot take a picture; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(f"{message}; {hint}")
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class Rays:
    """A bundle of half lines."""

    origins: Float[Tensor, "*B M 3"]
    """Start points, world frame."""
    directions: Float[Tensor, "*B M 3"]
    """Unit vectors, world frame."""

    def span(self, extent: float) -> tuple[Float[Tensor, "*B M"], Float[Tensor, "*B M"]]:
        """Distances at which rays enter and leave the box [-extent, extent]^3, the first at least 0.

        A ray misses the box where the second is not above the first.
        """
        inverse = 1 / torch.where(self.directions.abs() < 1e-9, 1e-9, self.directions)
        low, high = (-extent - self.origins) * inverse, (extent - self.origins) * inverse
        return torch.minimum(low, high).amax(-1).clamp_min(0), torch.maximum(low, high).amin(-1)


@dataclass(frozen=True, slots=True)
class Camera:
    """One or many pinhole cameras; x right, y down, z forward."""

    cam_to_world: Float[Tensor, "*B 4 4"]
    """Rigid transform from the camera's frame to the world's."""
    intrinsics: Float[Tensor, "*B 3 3"]
    """Calibration divided by image size: it maps to [0, 1]^2, top left first."""

    def rays(self, height: int, width: int) -> Rays:
        """Rays through the pixel centres, row by row."""
        like = self.intrinsics
        v, u = torch.meshgrid(
            (torch.arange(height, device=like.device) + 0.5) / height,
            (torch.arange(width, device=like.device) + 0.5) / width,
            indexing="ij",
        )
        pixels = torch.stack([u, v, torch.ones_like(u)], -1).reshape(-1, 3).to(like.dtype)
        local = pixels @ torch.linalg.inv(like).transpose(-1, -2)
        directions = local @ self.cam_to_world[..., :3, :3].transpose(-1, -2)
        directions = directions / directions.norm(dim=-1, keepdim=True)
        origins = self.cam_to_world[..., None, :3, 3].expand_as(directions)
        return Rays(origins, directions)

    def project(self, points: Float[Tensor, "*B N 3"]) -> tuple[Float[Tensor, "*B N 2"], Float[Tensor, "*B N"]]:
        """Image positions in [0, 1]^2 (x right, y down) and depths along the optical axis.

        Points behind the camera get a depth below zero and a meaningless position.
        """
        rotation, centre = self.cam_to_world[..., :3, :3], self.cam_to_world[..., :3, 3]
        local = (points - centre[..., None, :]) @ rotation
        image = local @ self.intrinsics.transpose(-1, -2)
        return image[..., :2] / image[..., 2:], local[..., 2]

    def one(self) -> "Camera":
        """This camera without its batch of one, checked.

        Raises CameraError if there are more or none, if a number is not finite, or if the intrinsics are singular.
        """
        pose, intrinsics = self.cam_to_world, self.intrinsics
        if pose[..., 0, 0].numel() != 1 or intrinsics[..., 0, 0].numel() != 1:
            shape = list(pose.shape[:-2])
            raise CameraError(f"one camera takes one picture, got a batch of {shape}", "pick one by its index")
        pose, intrinsics = pose.reshape(4, 4), intrinsics.reshape(3, 3)
        if not (pose.isfinite().all() and intrinsics.isfinite().all()):
            raise CameraError("the camera holds numbers that are not finite", "check its pose and its intrinsics")
        # Intrinsics are over the image's size: a determinant below this is an opening angle of almost 180 degrees.
        if abs(float(torch.linalg.det(intrinsics.double()))) < 1e-6:
            raise CameraError("the camera's intrinsics are singular", "give focal lengths above 0")
        return Camera(pose, intrinsics)

    def __getitem__(self, index: int) -> "Camera":
        """One camera of a batch."""
        return Camera(self.cam_to_world[index], self.intrinsics[index])


def pinhole(field_of_view: float) -> Float[Tensor, "3 3"]:
    """Intrinsics of a square image with the given opening angle (radians), centre in the middle."""
    focal = 0.5 / math.tan(field_of_view / 2)
    return torch.tensor([[focal, 0.0, 0.5], [0.0, focal, 0.5], [0.0, 0.0, 1.0]])


def look_at(
    eye: Float[Tensor, "*B 3"], target: Float[Tensor, "*#B 3"], up: Float[Tensor, " 3"] | None = None
) -> Float[Tensor, "*B 4 4"]:
    """Camera-to-world transform of a camera at `eye` that looks at `target`; `up` is +Y unless given."""
    up = torch.tensor([0.0, 1.0, 0.0], device=eye.device, dtype=eye.dtype) if up is None else up
    forward = torch.nn.functional.normalize(target - eye, dim=-1)
    right = torch.nn.functional.normalize(torch.cross(forward, up.expand_as(forward), dim=-1), dim=-1)
    down = torch.cross(forward, right, dim=-1)
    transform = torch.zeros(*eye.shape[:-1], 4, 4, device=eye.device, dtype=eye.dtype)
    transform[..., :3, :] = torch.stack([right, down, forward, eye], -1)
    transform[..., 3, 3] = 1
    return transform


def orbit(
    azimuth: float,
    elevation: float = 0.0,
    distance: float = 4.4,
    field_of_view: float = 0.4538,
    target: tuple[float, float, float] = (0.0, -0.05, 0.0),
) -> Camera:
    """A camera on a sphere around `target`: azimuth 0 sees the face, positive azimuth stands towards +X."""
    centre = torch.tensor(target)
    offset = torch.tensor(
        [
            math.sin(azimuth) * math.cos(elevation),
            math.sin(elevation),
            math.cos(azimuth) * math.cos(elevation),
        ]
    )
    return Camera(look_at(centre + distance * offset, centre), pinhole(field_of_view))
