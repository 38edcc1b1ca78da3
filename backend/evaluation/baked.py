# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a field arrives in Blender: its own pictures beside Blender's of the mesh that is baked from it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image

from ..geometry.cameras import Camera, orbit
from ..geometry.fields import Field
from ..geometry.occupancy import occupancy
from ..geometry.rendering import render
from ..pipeline.glb import glb
from ..pipeline.presets import PRESETS, Preset
from ..surface.clean import clean
from ..surface.extract import extract
from ..surface.mending import solid
from ..surface.unwrap import unwrap
from ..synthesis.base import Condition
from ..texture.bake import bake
from . import metrics
from .flat import flat_views
from .held_out import complete
from .runs import Record, Setting

AZIMUTHS = (0.0, 0.7, 1.5708, 3.1416)
ELEVATION = 0.05
SIZE = 256
GAIN = 4
"""Factor by which errors are enlarged in the strip of pictures."""


def baked(setting: Setting, seed: int) -> Record:
    """An avatar from nothing but a seed, baked as the preset "high" does; with `out`, also a strip of pictures: field,
    Blender, enlarged error.

    The mesh is that of the mended field (see `surface.mending`), and `psnr` compares with that; `psnr_ragged` with
    the field as it was sampled, outlines and all.
    """
    field = complete(setting.generator(), Condition(seed=seed, steps=setting.steps)).field
    theirs = blender_views(field, PRESETS["high"], setting.blender)
    ours, ragged = field_views(solid(field)), field_views(field)
    psnr = [metrics.psnr(*pair) for pair in zip(over_white(theirs), over_white(ours), strict=True)]
    rough = [metrics.psnr(*pair) for pair in zip(over_white(theirs), over_white(ragged), strict=True)]
    overlap = [metrics.mask_iou(*pair) for pair in zip(theirs[..., 3], ours[..., 3], strict=True)]
    if setting.out is not None:
        rows = [over_white(ours), over_white(theirs)]
        rows.append(np.abs(rows[0] - rows[1]) * GAIN)
        sheet = np.concatenate([np.concatenate(list(row), 1) for row in rows])
        Image.fromarray((sheet.clip(0, 1) * 255 + 0.5).astype(np.uint8)).save(setting.out / f"baked_{seed}.png")
    return {
        "seed": seed, "psnr": round(float(np.mean(psnr)), 4), "psnr_least": round(min(psnr), 4),
        "psnr_ragged": round(float(np.mean(rough)), 4), "mask_iou": round(float(np.mean(overlap)), 4),
    }  # fmt: skip


def blender_views(field: Field, numbers: Preset, blender: Sequence[str] = ()) -> Float[np.ndarray, "K S S 4"]:
    """Blender's pictures of the mesh that a preset makes of a field: RGBA, sRGB, straight alpha.

    Raises BlenderError.
    """
    mesh = unwrap(clean(extract(solid(field), numbers.resolution), numbers.faces), numbers.texture_size)
    content = glb(mesh, bake(field, mesh, numbers.texture_size), "Avatar", {})
    return flat_views(content, cameras(), SIZE, blender)


def field_views(field: Field) -> Float[np.ndarray, "K S S 4"]:
    """The field's own pictures from the same cameras, four rays a pixel."""
    grid, out = occupancy(field), []
    for camera in cameras():
        view = render(field, camera, 2 * SIZE, 2 * SIZE, background=0.0, grid=grid, normals=False)
        fine = np.concatenate([view.rgb.cpu().numpy(), view.alpha[..., None].cpu().numpy()], -1)
        coarse = fine.reshape(SIZE, 2, SIZE, 2, 4).mean((1, 3))
        coarse[..., :3] /= np.maximum(coarse[..., 3:], 1e-6)
        out.append(coarse.clip(0, 1))
    return np.stack(out)


def cameras() -> list[Camera]:
    """Front, turned, side and back."""
    return [orbit(azimuth, ELEVATION) for azimuth in AZIMUTHS]


def over_white(rgba: Float[np.ndarray, "*N 4"]) -> Float[np.ndarray, "*N 3"]:
    """Straight colours over white."""
    return rgba[..., :3] * rgba[..., 3:] + 1 - rgba[..., 3:]
