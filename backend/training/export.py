# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints of the two stages to one file of weights, and pictures of what a run can do so far."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..diffusion.denoiser import at_time
from ..diffusion.samplers import dpm_solver
from ..diffusion.schedule import ScheduleConfig
from ..geometry.cameras import orbit
from ..geometry.fields import TriplaneField
from ..geometry.rendering import render
from ..geometry.triplane import Triplane
from ..models.triplane_unet import TriplaneUNet, UNetConfig
from ..weights import store
from .fit import Fitter, load_fitter

SHEET_AZIMUTHS = (0.0, 0.7, 3.14)
TILE = 96


def export_weights(fit_checkpoint: Path, cascade_checkpoint: Path, path: Path) -> Path:
    """Write the averaged weights of both stages as the generator's file."""
    trained = torch.load(cascade_checkpoint, weights_only=True, map_location="cpu")
    fitter = load_fitter(fit_checkpoint)
    unet = TriplaneUNet(UNetConfig.from_json(trained["configs"]["unet"]))
    unet.load_state_dict(trained["average"])
    schedule = ScheduleConfig(**trained["configs"]["cascade"]["schedule"])
    model = store.RodinModel(
        unet, fitter.codec, fitter.planes, fitter.decoder, trained["mean"], trained["deviation"], schedule
    )
    store.save(model, path)
    return path


@torch.inference_mode()
def sample_sheet(
    path: Path,
    unet: TriplaneUNet,
    fitter: Fitter,
    portraits: Tensor,
    to_latent: tuple[Tensor, Tensor],
    schedule: ScheduleConfig,
) -> None:
    """A grid of pictures: each portrait with the avatar made from it, then as many avatars from seeds alone.

    `to_latent` is the mean and the deviation that undo the standardisation.
    """
    mean, deviation = to_latent
    count, config = len(portraits), unet.config
    shape = (count, config.latent_channels, config.latent_size, 3 * config.latent_size)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    rows = []
    for condition in (unet.condition(portraits), unet.no_condition(count)):
        denoise = at_time(partial(unet, condition=condition), schedule)
        latent = list(dpm_solver(denoise, noise, 12, schedule))[-1].x0
        triplanes = fitter.planes.as_triplane(fitter.planes(fitter.codec.decode(latent * deviation + mean))).planes
        for row, planes in enumerate(triplanes):
            field = TriplaneField(Triplane(planes[None]), fitter.decoder)
            pictures = [render(field, orbit(a, 0.05), TILE, TILE, background=0.93).rgb.numpy() for a in SHEET_AZIMUTHS]
            shown = portraits[row, :3].permute(1, 2, 0).numpy() / 2 + 0.5
            side = np.asarray(Image.fromarray((shown * 255).astype(np.uint8)).resize((TILE, TILE))) / 255
            rows.append(np.concatenate([side, *pictures], 1))
    left, right = np.concatenate(rows[:count]), np.concatenate(rows[count:])
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.concatenate([left, right[:, TILE:]], 1).clip(0, 1) * 255).astype(np.uint8)).save(path)
