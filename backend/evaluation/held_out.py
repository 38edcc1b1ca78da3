# SPDX-License-Identifier: GPL-3.0-or-later
"""Portrait to avatar on held-out studio people: how close an avatar is to the person, from all around."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8

from ..geometry.fields import Field
from ..geometry.occupancy import occupancy
from ..geometry.rendering import render
from ..studio.people import HEAD_HEIGHT
from ..surface.extract import extract
from ..synthesis.base import Condition, Sample, Synthesizer
from . import metrics
from .truths import CLOUD, Truth, cameras, judged

CELLS = 160
"""Of the mesh that stands for an avatar's surface, along the box."""
QUERIES = 20_000
"""Points of each surface whose distance to the other is averaged."""
STRIP = (0.0, 0.11, 0.25, 0.5)
"""Views shown beside each other, in turns: front, turned, side, back."""


@dataclass(frozen=True, slots=True)
class Score:
    """How close one field is to the person."""

    psnr: float
    """Mean over the views of each view's own, dB over white."""
    ssim: float
    mask_iou: float
    chamfer_percent: float
    """Mean of both mean distances between the surfaces, in per cent of the head's height."""
    psnr_front: float
    """Of the views within 45 degrees of the front."""
    psnr_back: float
    """Of the views more than 90 degrees from it."""


def score_field(field: Field, truth: Truth) -> Score:
    """Figures of one field; some five seconds."""
    return score_pictures(*pictures(field, truth), truth, chamfer_percent(field, truth))


def score_pictures(
    rgb: Float[np.ndarray, "K H W 3"], alpha: Float[np.ndarray, "K H W"], truth: Truth, distance: float
) -> Score:
    """The same of pictures that were taken already, as `pictures` does."""
    wanted, coverage = truth.rgb.astype(np.float32) / 255, truth.alpha.astype(np.float32) / 255
    close = np.array([metrics.psnr(*pair) for pair in zip(rgb, wanted, strict=True)])
    alike = [metrics.ssim(*pair) for pair in zip(rgb, wanted, strict=True)]
    overlap = [metrics.mask_iou(*pair) for pair in zip(alpha, coverage, strict=True)]
    turn = np.arange(len(close)) / len(close)
    off_front = np.minimum(turn, 1 - turn) * 360
    return Score(
        psnr=float(close.mean()), ssim=float(np.mean(alike)), mask_iou=float(np.mean(overlap)),
        chamfer_percent=distance,
        psnr_front=float(close[off_front <= 45].mean()), psnr_back=float(close[off_front > 90].mean()),
    )  # fmt: skip


def pictures(field: Field, like: Truth) -> tuple[Float[np.ndarray, "K H W 3"], Float[np.ndarray, "K H W"]]:
    """Colour over white and coverage from where the truth was seen: four rays a pixel, averaged."""
    grid = occupancy(field)
    count, size = like.rgb.shape[:2]
    rgb, alpha = [], []
    for camera in cameras(count):
        view = render(field, camera, 2 * size, 2 * size, grid=grid, normals=False)
        fine = torch.cat([view.rgb.clamp(0, 1), view.alpha[..., None]], -1).detach().cpu().numpy()
        coarse = fine.reshape(size, 2, size, 2, 4).mean((1, 3))
        rgb.append(coarse[..., :3])
        alpha.append(coarse[..., 3])
    return np.stack(rgb), np.stack(alpha)


def chamfer_percent(field: Field, truth: Truth) -> float:
    """Mean distance between the surfaces, both ways, in per cent of the head's height; infinite without a surface."""
    try:
        mesh = extract(field, CELLS)
    except ValueError:  # extract's one complaint: there is no surface
        return float("inf")
    points = judged(metrics.surface_samples(mesh.vertices, mesh.faces, CLOUD, np.random.default_rng(0)))
    if not len(points):
        return float("inf")
    return 100 * metrics.chamfer(points, truth.cloud.astype(np.float32), QUERIES) / HEAD_HEIGHT


def portrait_condition(truth: Truth, steps: int = 12, portrait: int = 0) -> Condition:
    """What a photograph of the person says: crop, matte and the direction it was taken from."""
    return Condition(
        seed=truth.seed, portrait=truth.portraits[portrait],
        matte=truth.mattes[portrait].astype(np.float32) / 255,
        pose=(float(truth.angles[portrait, 0]), float(truth.angles[portrait, 1])), steps=steps,
    )  # fmt: skip


def complete(synthesizer: Synthesizer, condition: Condition) -> Sample:
    """What a generator makes, once it is done."""
    sampling = synthesizer.synthesize(condition)
    while True:
        try:
            next(sampling)
        except StopIteration as done:
            return done.value


def strip(truth: Truth, rgb: Float[np.ndarray, "K H W 3"]) -> UInt8[np.ndarray, "H W 3"]:
    """Portrait, then truth and avatar from four sides."""
    count, size = truth.rgb.shape[:2]
    fold = truth.portraits.shape[1] // size
    row = [truth.portraits[0].reshape(size, fold, size, fold, 3).mean((1, 3)).astype(np.uint8)]
    for turn in STRIP:
        view = round(turn * count)
        row += [truth.rgb[view], (rgb[view] * 255 + 0.5).astype(np.uint8)]
    return np.concatenate(row, 1)
