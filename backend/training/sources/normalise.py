# SPDX-License-Identifier: GPL-3.0-or-later
"""Into the box and back: where a user's subject is put, kept with the result."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from ..views import ViewSet
from .errors import SourceError

Up = Literal["y", "z"]
FILL = 0.95
"""A mesh reaches this far towards the walls of the box: the field needs some air around it."""
FLOOR = -0.99
"""Where the bottom of an open bust is put: just inside the box, whose bottom closes it."""
ALIKE = 1e-3
"""Cameras whose axes are this parallel (least eigenvalue of the mean projection) have no common point to look at."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A similarity: box = scale * rotation @ user + shift."""

    rotation: Float[np.ndarray, "3 3"]
    scale: float
    """Box units per unit of the user."""
    shift: Float[np.ndarray, " 3"]

    def to_box(self, points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
        """Points of the user's frame in the box, float64."""
        return np.asarray(points, np.float64) @ self.rotation.T * self.scale + self.shift

    def to_user(self, points: Float[np.ndarray, "*N 3"]) -> Float[np.ndarray, "*N 3"]:
        """Points of the box in the user's frame, float64."""
        return (np.asarray(points, np.float64) - self.shift) / self.scale @ self.rotation

    def cameras(self, cam_to_world: Float[np.ndarray, "K 4 4"]) -> Float[np.ndarray, "K 4 4"]:
        """Rigid transforms of the same cameras in the box: the scale moves them, their axes only turn."""
        moved = np.array(cam_to_world, np.float64)
        moved[:, :3, :3] = self.rotation @ moved[:, :3, :3]
        moved[:, :3, 3] = self.to_box(moved[:, :3, 3])
        return moved

    def record(self) -> dict[str, Any]:
        """As JSON values."""
        return {"rotation": self.rotation.tolist(), "scale": float(self.scale), "shift": self.shift.tolist()}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "Placement":
        """The inverse of `record`."""
        return cls(np.array(record["rotation"], float), float(record["scale"]), np.array(record["shift"], float))


@dataclass(frozen=True, slots=True)
class Sphere:
    """What the user says is to be fitted, in the user's own frame: its centre and half the side of the box."""

    centre: tuple[float, float, float]
    radius: float

    def __post_init__(self) -> None:
        if not np.isfinite([*self.centre, self.radius]).all() or self.radius <= 0:
            raise SourceError(
                f"a box of centre {self.centre} and radius {self.radius} holds nothing",
                "Give three finite numbers with --centre and a positive one with --radius.",
            )

    def place(self, up: Up) -> Placement:
        """Its centre goes to the origin, its radius to the walls of the box."""
        rotation = up_rotation(up)
        return Placement(rotation, 1 / self.radius, -(rotation @ np.array(self.centre, float)) / self.radius)


@dataclass(frozen=True, slots=True)
class Source:
    """A user's subject, ready to be fitted."""

    kind: Literal["pictures", "mesh"]
    train: ViewSet
    held: ViewSet | None
    """Pictures that the fit is judged by and never sees; None where there are too few to spare any."""
    samples: dict[str, np.ndarray] | None
    """points, sdf, surface and colour as `studio.dataset.person_sample` has them, where the shape is known."""
    placement: Placement
    notes: tuple[str, ...]
    """What was guessed or repaired, one sentence each."""


def up_rotation(up: Up) -> Float[np.ndarray, "3 3"]:
    """From a frame with this axis up to ours; where +Z is up, -Y becomes the front, as Blender has it."""
    return np.eye(3) if up == "y" else np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def from_bounds(low: Float[np.ndarray, " 3"], high: Float[np.ndarray, " 3"], up: Up, stands: bool) -> Placement:
    """A mesh of these bounds (user's frame) centred in the box, or with `stands` set on its floor."""
    rotation = up_rotation(up)
    ends = np.stack([low, high]) @ rotation.T
    low, high = ends.min(0), ends.max(0)
    room = np.array([2 * FILL, FILL - FLOOR if stands else 2 * FILL, 2 * FILL])
    scale = float((room / np.maximum(high - low, 1e-30)).min())
    shift = -scale * (low + high) / 2
    if stands:
        shift[1] = FLOOR - scale * low[1]
    return Placement(rotation, scale, shift)


def shared_centre(cam_to_world: Float[np.ndarray, "K 4 4"]) -> Float[np.ndarray, " 3"]:
    """The point nearest to the optical axes of OpenCV cameras, in the least squares sense.

    Raises SourceError where the axes are parallel or the point lies behind the cameras.
    """
    eyes, axes = cam_to_world[:, :3, 3], cam_to_world[:, :3, 2]
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    normal = across.mean(0)
    if np.linalg.eigvalsh(normal)[0] < ALIKE:
        raise SourceError(
            "the cameras all look the same way, so what they look at cannot be told",
            "Say where the subject is with --centre X Y Z --radius R.",
        )
    centre = np.linalg.solve(normal, (across @ eyes[:, :, None]).mean(0)[:, 0])
    ahead = ((centre - eyes) * axes).sum(1)
    if (ahead <= 0).mean() > 0.1:
        raise SourceError(
            f"{int((ahead <= 0).sum())} of {len(ahead)} cameras look away from what the others look at",
            "Check that matrices are camera to world in OpenGL axes; otherwise give --centre X Y Z --radius R.",
        )
    return centre


def from_cameras(
    cam_to_world: Float[np.ndarray, "K 4 4"], half_angle: Float[np.ndarray, " K"], up: Up
) -> tuple[Placement, Sphere]:
    """The box around what all cameras look at, as large as they see there; also as a sphere of the user's frame.

    `half_angle` is the tangent of half the narrower opening angle.
    """
    centre = shared_centre(cam_to_world)
    distance = np.linalg.norm(cam_to_world[:, :3, 3] - centre, axis=1)
    seen = float(np.median(distance * half_angle))
    # A corner of the box is sqrt(3) away from its centre; no camera may stand inside.
    sphere = Sphere(tuple(centre.tolist()), min(seen, 0.95 * float(distance.min()) / 3**0.5))
    return sphere.place(up), sphere


def cameras_up(cam_to_world: Float[np.ndarray, "K 4 4"]) -> Up:
    """Which axis OpenCV cameras hold upright, judged by the mean of their own up."""
    mean = -cam_to_world[:, :3, 1].mean(0)
    return "z" if abs(mean[2]) > abs(mean[1]) else "y"
