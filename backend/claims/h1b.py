# SPDX-License-Identifier: GPL-3.0-or-later
"""H1b: a decoder that forgets less also serves people better whom it has never seen."""

import numpy as np
import torch

from ..training.objective import Subject
from ..training.stage2 import Stage2Config, fit_planes
from ..training.subjects import Subjects
from . import forgetting
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .fits import Fit, held_out, picture, points_objective, show_psnr
from .forgetting import ARMS
from .people import draw, make_people
from .pictures import error_map, grid

CLAIM = Claim(
    id="H1b",
    title="The decoder that forgets less fits unseen people better",
    source="RodinHD (arXiv 2407.06938), its ablation of fitting: stage 2 with each arm's decoder.",
    published="The order of H1: one visit 30.56, replay 30.93, with IWC 31.45 dB.",
    size=0.89,
    unit="dB",
    expected="Unseen people fitted alone with each arm's frozen decoder, equal steps: PSNR of held-out views with "
    "replay + IWC clearly above one visit, and no lower than with replay alone.",
)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """Stage 2 of the people that H1's runs left out."""
    make_people(settings, part(progress, 0, 0.2))
    psnr: dict[str, list[float]] = {arm: [] for arm in ARMS}
    own: dict[str, list[float]] = {arm: [] for arm in ARMS}
    count = len(settings.seeds)
    sheet: np.ndarray | None = None
    for k, seed in enumerate(settings.seeds):
        inner = part(progress, 0.2 + 0.8 * k / count, 0.2 + 0.8 * (k + 1) / count)
        fits = forgetting.runs(settings, seed, part(inner, 0, 0.6))
        fitted = {}
        for number, (arm, fit) in enumerate(fits.items()):
            inner("fitting unseen people", 0.6 + 0.4 * number / len(fits))
            fitted[arm], values = _stage2(settings, fit, seed)
            psnr[arm].append(float(np.mean(values)))
            own[arm].append(fit.mean_then())
        sheet = _sheet(settings, seed, fits, fitted) if sheet is None else sheet
    gain = subtract(psnr["replay + IWC"], psnr["one visit"])
    beyond = subtract(psnr["replay + IWC"], psnr["replay"])
    figures = ", ".join(f"{arm} {plus_minus(values)}" for arm, values in psnr.items())
    why = f"PSNR of unseen people in dB: {figures}."
    better, no_worse = clearly_positive(gain), float(np.mean(beyond)) >= 0
    if not better:
        why += (
            " Replay + IWC is not clearly above one visit. With equal steps short visits leave their people less far "
            f"along: right after the last fit the arms' own people stand at {np.mean(own['replay + IWC']):.1f} dB with "
            f"replay + IWC, at {np.mean(own['one visit']):.1f} dB with one visit."
        )
    if not no_worse:
        why += f" Replay + IWC is {-np.mean(beyond):.2f} dB below replay alone."
    ours = {"PSNR of unseen people, replay + IWC less one visit, dB": gain}
    return Outcome(
        ours=ours
        | {f"{arm}: PSNR of unseen people, dB": values for arm, values in psnr.items()}
        | {f"{arm}: its own people right after their last fit, dB": values for arm, values in own.items()},
        headline=next(iter(ours)), reproduced=better and no_worse, why=why,
        pictures={} if sheet is None else {"An unseen person with each arm's decoder (first seed), and errors": sheet},
    )  # fmt: skip


def _stage2(settings: Settings, fit: Fit, seed: int) -> tuple[torch.Tensor, list[float]]:
    """Planes of the unseen people [B 3 C R R], all from the mean of the arm's people, and their PSNR."""
    people = _unseen(settings, seed)
    objective, decoder = points_objective(settings), fit.decoder()
    data = [people.load(name) for name in people.names]
    subjects = [Subject(objective, None, one.points, torch.device("cpu")) for one in data]
    start = fit.mean()[None].expand(len(data), -1, -1, -1, -1)
    config = Stage2Config(objective=objective, steps=settings.pick(150, 12))
    planes = fit_planes(start, decoder, subjects, config, seed)
    every = settings.pick(2, 1)
    views = [held_out(people, name) for name in people.names]
    return planes, [show_psnr(own, decoder, seen, every) for own, seen in zip(planes, views, strict=True)]


def _unseen(settings: Settings, seed: int) -> Subjects:
    return draw(settings, seed, settings.pick(4, 1), skip=forgetting.people_count(settings))


def _sheet(settings: Settings, seed: int, fits: dict[str, Fit], fitted: dict[str, torch.Tensor]) -> np.ndarray:
    people = _unseen(settings, seed)
    views = held_out(people, people.names[0])
    truth = views.rgb[0].numpy()
    shown = [picture(fitted[arm][0], fits[arm].decoder(), views) for arm in ARMS]
    blank = np.ones_like(truth)
    return grid([[truth, *shown], [blank, *(error_map(one, truth) for one in shown)]], ["truth", *ARMS])
