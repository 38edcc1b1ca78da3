# SPDX-License-Identifier: GPL-3.0-or-later
"""H2: planes that were fitted with weight consolidation hold less energy at high frequencies."""

import numpy as np
import torch

from . import forgetting
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .fits import Fit
from .forgetting import ARMS
from .people import make_people
from .pictures import curves, grid, heat
from .planes import high_share, spectrum

CLAIM = Claim(
    id="H2",
    title="Planes fitted with weight consolidation are smoother",
    source="RodinHD (arXiv 2407.06938), section 3.1: the spectra of fitted triplanes.",
    published="Less energy at high frequencies with IWC; shown as pictures, without numbers.",
    size=None,
    sign=-1,
    unit="%",
    expected="Share of the planes' spectral energy above half the Nyquist frequency: clearly lower with replay + IWC "
    "than with replay alone, in per cent of the latter.",
)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """Spectra of the planes that H1's runs left, after their last visits."""
    make_people(settings, part(progress, 0, 0.2))
    share: dict[str, list[float]] = {arm: [] for arm in ARMS}
    power: dict[str, torch.Tensor] = {}
    pictures = None
    count = len(settings.seeds)
    for k, seed in enumerate(settings.seeds):
        fits = forgetting.runs(settings, seed, part(progress, 0.2 + 0.8 * k / count, 0.2 + 0.8 * (k + 1) / count))
        for arm, fit in fits.items():
            spectra = [spectrum(fit.planes(name)) for name in fit.subjects.names]
            share[arm].append(float(np.mean([high_share(one) for one in spectra])))
            power[arm] = power.get(arm, torch.zeros(1, dtype=torch.float64)) + sum(spectra)
        pictures = _planes_sheet(fits) if pictures is None else pictures
    less = subtract(share["replay"], share["replay + IWC"])
    relative = [-100 * a / b for a, b in zip(less, share["replay"], strict=True)]
    figures = ", ".join(f"{arm} {plus_minus([100 * v for v in values], 3)}" for arm, values in share.items())
    reproduced = clearly_positive(less)
    why = f"Per cent of the energy above half Nyquist: {figures}."
    if not reproduced:
        why += f" IWC changes it by {plus_minus(relative, 1, signed=True)} %, which is no clear reduction."
    ours = {"high-frequency share, replay + IWC against replay, %": relative}
    sheets = {} if pictures is None else {"Planes of the first person, xy, first four channels (first seed)": pictures}
    return Outcome(
        ours=ours | {f"{arm}: share above half Nyquist": values for arm, values in share.items()},
        headline=next(iter(ours)), reproduced=reproduced, why=why,
        pictures={"Spectral energy by frequency, all people and seeds": _curves(power)} | sheets,
    )  # fmt: skip


def _curves(power: dict[str, torch.Tensor]) -> np.ndarray:
    """Logarithm of the energy in rings of frequency."""
    lines = {}
    bands = 8
    for arm, energy in power.items():
        frequency = torch.fft.fftfreq(len(energy), dtype=energy.dtype)
        radius = torch.hypot(frequency[:, None], frequency[None])
        rings = [(radius > 0.5 * k / bands) & (radius <= 0.5 * (k + 1) / bands) for k in range(bands)]
        lines[arm] = [float(energy[ring].mean().clamp_min(1e-12).log10()) for ring in rings]
    places = [f"{(k + 1) / bands:.2f}" for k in range(bands)]
    return curves(lines, places, "log10 of mean energy, by frequency (1: Nyquist)", width=640)


def _planes_sheet(fits: dict[str, Fit]) -> np.ndarray:
    rows = []
    for fit in fits.values():
        plane = fit.planes(fit.subjects.names[0])[0, :4].numpy()
        low, high = plane.min((1, 2), keepdims=True), plane.max((1, 2), keepdims=True)
        rows.append([heat(channel, 1.0) for channel in (plane - low) / np.maximum(high - low, 1e-9)])
    return grid(rows, ["channel 1", "channel 2", "channel 3", "channel 4"], side=120)
