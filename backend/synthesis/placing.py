# SPDX-License-Identifier: GPL-3.0-or-later
"""From where a portrait was taken, and in which light, found on the avatar itself.

The avatar's picture is moved onto the photograph by Gauss-Newton: how the picture changes with the camera follows from
where the seen surface goes, so one small render a round is enough (Lucas and Kanade 1981; Newcombe et al. 2011). Light
is solved for in every round (`light`), so that a lamp from the side does not turn the head.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.alignment import MEAN_FACE, aligned_camera
from ..geometry.cameras import Camera
from ..geometry.fields import Field
from ..geometry.occupancy import Occupancy, occupancy
from ..geometry.rendering import RenderedView, render
from .light import Light, solve_light

FREE, KNOWN = (0.15, 0.12), (0.08, 0.08)
"""Deviations of azimuth and elevation (radians) from straight ahead, and from a pose that is told."""
SQUARE_DEVIATION = (0.04, 0.03, 0.03, 0.06)
"""Of the square's angle (radians), its shifts (in sides), and the logarithm of its scale: people's faces differ."""
PROBE = (0.02, 0.02, 0.02, 0.01, 0.01, 0.02)
"""Steps of the differences that say where the surface goes; a round moves at most three of them."""
ROUNDS = ((64, 5), (96, 4))
"""Sides of the compared pictures, and rounds with each."""
NOISE = 0.05
"""Deviation of the compared pictures where everything fits, values in [0, 1]."""
OUTLIER = 0.2
EVIDENCE = 40
"""Pixels that count as independent."""
SEEN = 0.9
"""Coverage above which a pixel says what the light is."""


@dataclass(frozen=True, slots=True)
class Placement:
    """A photograph's place before an avatar."""

    camera: Camera
    """Its picture is the aligned square."""
    light: Light


def place(
    field: Field,
    portrait: Float[Tensor, "H W 3"],
    matte: Float[Tensor, "H W"],
    pose: tuple[float, float] | None = None,
    grid: Occupancy | None = None,
) -> Placement:
    """The camera and the light with which the avatar looks most like a portrait, values in [0, 1].

    `pose` is azimuth and elevation in radians, where known: the search starts there and stays near.
    """
    grid = occupancy(field) if grid is None else grid
    middle = np.array([*(pose or (0.0, 0.0)), 0.0, 0.0, 0.0, 0.0])
    deviations = torch.tensor([*(FREE if pose is None else KNOWN), *SQUARE_DEVIATION], dtype=torch.float64)
    place_now = middle.copy()
    for side, rounds in ROUNDS:
        wanted = shrink(torch.cat([portrait * matte[..., None], matte[..., None]], -1), side).to(field.device)
        for _ in range(rounds):
            view = render(field, _camera(place_now), side, side, background=0.0, grid=grid)
            light = _light(view, wanted)
            shown = _lit(view, light)
            residual = _blur(wanted) - _blur(shown)
            change = _changes(_blur(shown), view, place_now)
            trust = 1 / (1 + residual.square().sum(-1, keepdim=True) / OUTLIER**2)
            rows, errors = change.reshape(-1, 6).double().cpu(), residual.reshape(-1).double().cpu()
            # Only the person's surroundings tell anything: their area is what the evidence is spread over.
            counts = trust.expand_as(residual).reshape(-1).double().cpu() * (
                EVIDENCE / NOISE**2 / float(view.alpha.sum().clamp_min(1))
            )
            left = rows.t() @ (rows * counts[:, None]) + torch.diag(deviations**-2)
            right = rows.t() @ (errors * counts) - torch.from_numpy(place_now - middle) * deviations**-2
            step = torch.linalg.solve(left, right).numpy()
            place_now = place_now + np.clip(step, -3 * np.array(PROBE), 3 * np.array(PROBE))
    return Placement(_camera(place_now), light)


def shrink(picture: Float[Tensor, "H W C"], side: int) -> Float[Tensor, "S S C"]:
    """A picture of another size, averaged over areas."""
    return functional.interpolate(picture.permute(2, 0, 1)[None], (side, side), mode="area")[0].permute(1, 2, 0)


def _camera(place: np.ndarray) -> Camera:
    """A camera by azimuth, elevation, and the square's angle, shift right and down, and logarithm of its scale."""
    azimuth, elevation, angle, right, down, scale = place.tolist()
    camera = aligned_camera(MEAN_FACE, azimuth, elevation)
    c, s = np.exp(scale) * np.cos(angle), np.exp(scale) * np.sin(angle)
    square = [[c, -s, 0.5 - 0.5 * (c - s) + right], [s, c, 0.5 - 0.5 * (c + s) + down], [0, 0, 1]]
    return Camera(camera.cam_to_world, torch.tensor(square, dtype=torch.float32) @ camera.intrinsics)


def _light(view: RenderedView, wanted: Float[Tensor, "S S 4"]) -> Light:
    seen = (view.alpha > SEEN) & (wanted[..., 3] > SEEN)
    albedo = view.rgb[seen] / view.alpha[seen, None]
    return solve_light(albedo, wanted[seen][:, :3] / wanted[seen][:, 3:], view.normal[seen], view.alpha[seen])


def _lit(view: RenderedView, light: Light) -> Float[Tensor, "S S 4"]:
    """The avatar's picture as the photograph would show it: colour times coverage, and coverage."""
    return torch.cat([view.rgb * light.shading(view.normal), view.alpha[..., None]], -1)


def _changes(shown: Float[Tensor, "S S C"], view: RenderedView, place: np.ndarray) -> Float[Tensor, "S S C 6"]:
    """Derivative of a picture by each number of the place: minus its slope times where the surface goes."""
    side = len(shown)
    camera = _camera(place)
    rays = camera.rays(side, side)
    along = rays.directions @ camera.cam_to_world[:3, 2]
    points = rays.origins + (view.depth.cpu().reshape(-1) / along)[:, None] * rays.directions
    before, _ = camera.project(points)
    flows = []
    for index, probe in enumerate(PROBE):
        moved = place.copy()
        moved[index] += probe
        flows.append((_camera(moved).project(points)[0] - before) / probe)
    flow = torch.stack(flows, -1).reshape(side, side, 12).to(shown.device)
    flow = torch.where(view.depth[..., None] > 0, flow, 0.0)
    # Slopes reach beyond the outline, where no surface is: it moves as what is beside it.
    coverage = view.alpha[..., None]
    for _ in range(2):
        flow, coverage = _blur(flow * coverage), _blur(coverage)
        flow = flow / coverage.clamp_min(1e-6)
    flow = flow.reshape(side, side, 1, 2, 6)
    down, across = torch.gradient(shown, spacing=1 / side, dim=(0, 1))
    return -(across[..., None] * flow[..., 0, :] + down[..., None] * flow[..., 1, :])


def _blur(picture: Float[Tensor, "S S C"]) -> Float[Tensor, "S S C"]:
    """Binomial weights over five pixels each way."""
    weights = picture.new_tensor([1, 4, 6, 4, 1]) / 16
    rows = functional.pad(picture.permute(2, 0, 1)[:, None], (2, 2, 2, 2), mode="replicate")
    columns = functional.conv2d(rows, weights.reshape(1, 1, 5, 1))
    return functional.conv2d(columns, weights.reshape(1, 1, 1, 5))[:, 0].permute(1, 2, 0)
