# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets of volumes: colours and normals of many people from several sides, as one picture."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from ..geometry.cameras import Camera
from ..geometry.fields import VolumeField
from ..geometry.sampling import Sampler, TwoPass
from ..geometry.volume import VolumeView, volume_render


@torch.no_grad()
def draw_people(
    volumes: Sequence[VolumeField], cameras: Sequence[Camera], side: int, sampler: Sampler | None = None
) -> UInt8[np.ndarray, "H W 3"]:
    """A column for each person; for each camera a row of colours and a row of normals, in the camera's frame.

    Two passes of 48 samples unless told where to ask.
    """
    columns = []
    for volume in volumes:
        rows = []
        for camera in cameras:
            view = volume_render(volume, camera, side, side, sampler or TwoPass(48, 48))
            rows += [view.rgb, facing(view, camera)]
        columns.append(torch.cat(rows))
    picture = torch.cat(columns, 1).clamp(0, 1)
    return (picture * 255).round().byte().cpu().numpy()


def facing(view: VolumeView, camera: Camera) -> torch.Tensor:
    """Normals [H, W, 3] as colours: red right, green up, blue towards the camera; white where nothing is seen."""
    frame = camera.cam_to_world[:3, :3].to(view.normal) * view.normal.new_tensor([1, -1, -1])
    colour = (view.normal @ frame + 1) / 2
    return torch.lerp(torch.ones_like(colour), colour, (view.alpha > 0.5).float()[..., None])
