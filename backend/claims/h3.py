# SPDX-License-Identifier: GPL-3.0-or-later
"""H3: planes of more channels repeat themselves, so that noise hides less of what they show."""

import dataclasses

import numpy as np
import torch

from ..training.replay import PlanesConfig
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .fits import Fit, held_out, picture, run_fit, show_psnr
from .people import draw, make_people
from .pictures import error_map, grid
from .planes import with_noise
from .r2 import base_config

LOG_SNR = 0.57
FEW, MANY = 8, 32
CLAIM = Claim(
    id="H3",
    title="More channels are more redundant: the same noise leaves more of the person",
    source="RodinHD (arXiv 2407.06938), section 3.2, the figure of noised triplanes.",
    published="At a log-SNR of 0.57 renders of planes with 32 channels are clearer than those with 8; shown as "
    "pictures, without numbers.",
    size=None,
    unit="dB",
    expected=f"PSNR of held-out views of planes with noise at log-SNR {LOG_SNR}: clearly higher with {MANY} than with "
    f"{FEW} channels.",
)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """The same people and steps with few and with many channels; renders with and without noise."""
    make_people(settings, part(progress, 0, 0.2))
    clean: dict[int, list[float]] = {FEW: [], MANY: []}
    noisy: dict[int, list[float]] = {FEW: [], MANY: []}
    count = len(settings.seeds) * 2
    first: dict[int, Fit] = {}
    for k, seed in enumerate(settings.seeds):
        people = draw(settings, seed, settings.pick(4, 1))
        for number, channels in enumerate((FEW, MANY)):
            done = 2 * k + number
            inner = part(progress, 0.2 + 0.8 * done / count, 0.2 + 0.8 * (done + 1) / count)
            fit = run_fit(settings, _config(settings, channels), seed, people, part(inner, 0, 0.7))
            first.setdefault(channels, fit)
            random = torch.Generator().manual_seed(seed)
            decoder = fit.decoder()
            likeness = []
            for place, name in enumerate(people.names):
                inner("measuring", 0.7 + 0.3 * place / len(people))
                planes, views = fit.planes(name), held_out(people, name)
                noised = with_noise(planes, LOG_SNR, random)
                likeness.append([show_psnr(some, decoder, views, settings.pick(2, 1)) for some in (planes, noised)])
            means = np.mean(likeness, 0)
            clean[channels].append(float(means[0]))
            noisy[channels].append(float(means[1]))
    gain = subtract(noisy[MANY], noisy[FEW])
    lost = {channels: subtract(clean[channels], noisy[channels]) for channels in (FEW, MANY)}
    reproduced = clearly_positive(gain)
    why = (
        f"With noise {plus_minus(noisy[MANY])} dB with {MANY} channels against {plus_minus(noisy[FEW])} with {FEW}; "
        f"without noise {plus_minus(clean[MANY])} against {plus_minus(clean[FEW])}, so noise costs "
        f"{np.mean(lost[MANY]):.1f} and {np.mean(lost[FEW]):.1f} dB."
    )
    if not reproduced:
        why += " The difference is not clear."
    ours = {f"{MANY} less {FEW} channels, with noise, dB": gain}
    ours |= {f"{channels} channels, with noise, dB": values for channels, values in noisy.items()}
    ours |= {f"{channels} channels, without noise, dB": values for channels, values in clean.items()}
    return Outcome(
        ours=ours, headline=next(iter(ours)), reproduced=reproduced, why=why,
        pictures={"One person (first seed) without and with noise, and errors": _sheet(first)},
    )  # fmt: skip


def _config(settings: Settings, channels: int):
    config = base_config(settings)
    side = settings.pick(48, config.planes.resolution)
    return dataclasses.replace(config, planes=PlanesConfig(resolution=side, channels=channels))


def _sheet(fits: dict[int, Fit]) -> np.ndarray:
    rows = []
    for fit in fits.values():
        name = fit.subjects.names[0]
        views, decoder, planes = held_out(fit.subjects, name), fit.decoder(), fit.planes(name)
        truth = views.rgb[0].numpy()
        row = [truth]
        for some in (planes, with_noise(planes, LOG_SNR, torch.Generator().manual_seed(0))):
            shown = picture(some, decoder, views)
            row += [shown, error_map(shown, truth)]
        rows.append(row)
    return grid(rows, ["truth", "without noise", "error", f"log-SNR {LOG_SNR}", "error"])
