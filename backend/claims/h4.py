# SPDX-License-Identifier: GPL-3.0-or-later
"""H4: planes hold more with more resolution and more channels, and channels matter more."""

import itertools

import numpy as np
import torch

from ..training.objective import ObjectiveConfig, Subject
from ..training.replay import PlanesConfig, ReplayConfig
from ..training.stage2 import Stage2Config, fit_planes
from ..training.starts import adapted_planes
from ..training.subjects import Subjects
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .fits import Fit, held_out, picture, points_objective, run_fit, show_psnr
from .people import draw, make_people
from .pictures import curves, grid

TAUGHT, UNSEEN = 4, 3
"""People that teach the decoder of a number of channels, and others who are fitted in every cell."""
CLAIM = Claim(
    id="H4",
    title="Resolution and channels both help, channels more",
    source="RodinHD (arXiv 2407.06938), the table of resolutions and channels, one subject.",
    published="PSNR at 128², 256², 512²: 30.15, 30.24, 30.38 with 4 channels; 30.71, 31.01, 31.31 with 8; 31.21, "
    "31.44, 31.60 with 16; 31.59, 31.67, 31.71 with 32. From 4 to 16 channels +1.16 dB on average, from 128² to "
    "512² with these channels +0.41 dB: both four times as many.",
    size=0.75,
    unit="dB",
    expected="Unseen people fitted alone with a frozen decoder on a 3 x 3 grid, equal steps: no clear step down in "
    "PSNR of held-out views with more channels or more resolution, and the effect of four times the channels "
    "greater than that of four times the resolution.",
)
Cell = tuple[int, int]
"""Resolution and channels."""


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """One decoder for each number of channels, made at the middle resolution; then every cell alone."""
    make_people(settings, part(progress, 0, 0.2))
    resolutions, channels = settings.pick(((16, 32, 64), (4, 8, 16)), ((6, 12), (2, 6)))
    psnr: dict[Cell, list[float]] = {cell: [] for cell in itertools.product(resolutions, channels)}
    shown: dict[Cell, np.ndarray] = {}
    truth: np.ndarray | None = None
    jobs = len(settings.seeds) * len(channels)
    for k, (seed, width) in enumerate(itertools.product(settings.seeds, channels)):
        inner = part(progress, 0.2 + 0.8 * k / jobs, 0.2 + 0.8 * (k + 1) / jobs)
        fit = _shared(settings, seed, resolutions[1], width, part(inner, 0, 0.3))
        unseen = draw(settings, seed, settings.pick(UNSEEN, 1), skip=settings.pick(TAUGHT, 1))
        for number, side in enumerate(resolutions):
            values = []
            for place, name in enumerate(unseen.names):
                inner("fitting the grid", 0.3 + 0.7 * (number + place / len(unseen)) / len(resolutions))
                planes = _cell(settings, seed, fit, side, width, unseen, name)
                decoder, views = fit.decoder(), held_out(unseen, name)
                values.append(show_psnr(planes, decoder, views))
                if (side, width) not in shown:
                    shown[side, width], truth = picture(planes, decoder, views), views.rgb[0].numpy()
            psnr[side, width].append(float(np.mean(values)))
    return _outcome(psnr, resolutions, channels, shown, truth)


def effects(
    psnr: dict[Cell, list[float]], resolutions: tuple[int, ...], channels: tuple[int, ...]
) -> tuple[list[float], list[float]]:
    """Gain from the fewest to the most channels, mean over resolutions, and the like for resolution, seed by seed."""
    by_channels = [subtract(psnr[side, channels[-1]], psnr[side, channels[0]]) for side in resolutions]
    by_resolution = [subtract(psnr[resolutions[-1], width], psnr[resolutions[0], width]) for width in channels]
    return np.mean(by_channels, 0).tolist(), np.mean(by_resolution, 0).tolist()


def steps_down(
    psnr: dict[Cell, list[float]], resolutions: tuple[int, ...], channels: tuple[int, ...]
) -> list[tuple[Cell, Cell]]:
    """Neighbours of the grid of which the greater is clearly worse."""
    neighbours = [((side, a), (side, b)) for side in resolutions for a, b in itertools.pairwise(channels)]
    neighbours += [((a, width), (b, width)) for width in channels for a, b in itertools.pairwise(resolutions)]
    return [(less, more) for less, more in neighbours if clearly_positive(subtract(psnr[less], psnr[more]))]


def _outcome(
    psnr: dict[Cell, list[float]],
    resolutions: tuple[int, ...],
    channels: tuple[int, ...],
    shown: dict[Cell, np.ndarray],
    truth: np.ndarray | None,
) -> Outcome:
    by_channels, by_resolution = effects(psnr, resolutions, channels)
    beyond = subtract(by_channels, by_resolution)
    down = steps_down(psnr, resolutions, channels)
    more = clearly_positive(beyond)
    why = (
        f"From {channels[0]} to {channels[-1]} channels {plus_minus(by_channels, signed=True)} dB, from "
        f"{resolutions[0]}² to {resolutions[-1]}² {plus_minus(by_resolution, signed=True)} dB."
    )
    for less, greater in down:
        loss = np.mean(subtract(psnr[less], psnr[greater]))
        why += f" {greater[0]}²x{greater[1]} is {loss:.2f} dB below {less[0]}²x{less[1]}."
    if not more:
        why += f" Channels less resolution is {plus_minus(beyond, signed=True)} dB: not clearly the greater effect."
    ours = {"effect of channels less effect of resolution, dB": beyond, "effect of channels, dB": by_channels}
    ours |= {"effect of resolution, dB": by_resolution}
    ours |= {f"{side}²x{width}, dB": values for (side, width), values in psnr.items()}
    lines = {f"{width} channels": [float(np.mean(psnr[side, width])) for side in resolutions] for width in channels}
    pictures = {"PSNR by resolution": curves(lines, [f"{side}x{side}" for side in resolutions], "dB")}
    if truth is not None:
        rows = [[truth, *(shown[side, width] for side in resolutions)] for width in channels]
        labels = ["truth", *(f"planes {side}x{side}" for side in resolutions)]
        pictures[f"One person of the first seed; rows: {', '.join(map(str, channels))} channels"] = grid(rows, labels)
    return Outcome(ours=ours, headline=next(iter(ours)), reproduced=more and not down, why=why, pictures=pictures)


def _objective(settings: Settings) -> ObjectiveConfig:
    objective = points_objective(settings)
    return ObjectiveConfig(
        supervision="points", points=2 * objective.points, surface_points=2 * objective.surface_points,
        sdf_weight=objective.sdf_weight, colour_weight=objective.colour_weight,
        variation_weight=objective.variation_weight,
    )  # fmt: skip


def _shared(settings: Settings, seed: int, side: int, width: int, progress: Progress) -> Fit:
    """A decoder taught by other people, their planes rescaled at random so that it suits every resolution."""
    visits, steps = settings.pick((4, 60), (1, 6))
    config = ReplayConfig(
        planes=PlanesConfig(resolution=side, channels=width), objective=_objective(settings),
        hidden=settings.pick(64, 16), visits=visits, steps=steps, rescale_share=0.25, first_emphasis=1.0,
        decoder_rate=4e-3, consolidation=0.0, judge_every=0,
    )  # fmt: skip
    return run_fit(settings, config, seed, draw(settings, seed, settings.pick(TAUGHT, 1)), progress)


def _cell(settings: Settings, seed: int, fit: Fit, side: int, width: int, unseen: Subjects, name: str) -> torch.Tensor:
    """Planes of one person in one cell."""
    objective = _objective(settings)
    subject = Subject(objective, None, unseen.load(name).points, torch.device("cpu"))
    start = adapted_planes(fit.mean(), width, side)
    config = Stage2Config(objective=objective, steps=settings.pick(300, 6))
    return fit_planes(start[None], fit.decoder(), [subject], config, seed)[0]
