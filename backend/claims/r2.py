# SPDX-License-Identifier: GPL-3.0-or-later
"""R2: a decoder that meets planes of random sizes while it learns serves planes of other sizes, too."""

import dataclasses

import numpy as np

from ..training.replay import PlanesConfig, ReplayConfig
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .fits import Fit, held_out, picture, points_objective, run_fit, show_psnr
from .people import draw, make_people
from .pictures import error_map, grid
from .planes import shrunk

FACTOR = 4
SMALL_LOSS = 0.5
"""dB that full-size planes may lose."""
ARMS = {"fixed size": 0.0, "random rescale": 0.5}
"""Arm -> share of steps in which planes are shrunk to a random size, a quarter at the least, and enlarged again."""
CLAIM = Claim(
    id="R2",
    title="Random rescaling of planes while fitting makes the decoder robust to their size",
    source="Rodin (arXiv 2212.06135), section on fitting.",
    published="Random rescaling lets one decoder serve planes of 64² and 256²; no figure is given.",
    size=None,
    unit="dB",
    expected=f"PSNR of held-out views of planes shrunk by {FACTOR} and enlarged: clearly higher with random rescaling "
    f"than without; at full size less than {SMALL_LOSS} dB lower.",
)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """The same people and steps with and without rescaling; renders of the planes as they are and shrunk."""
    make_people(settings, part(progress, 0, 0.2))
    full: dict[str, list[float]] = {arm: [] for arm in ARMS}
    small: dict[str, list[float]] = {arm: [] for arm in ARMS}
    count = len(settings.seeds) * len(ARMS)
    first: dict[str, Fit] = {}
    for k, seed in enumerate(settings.seeds):
        people = draw(settings, seed, settings.pick(4, 1))
        for number, (arm, share) in enumerate(ARMS.items()):
            done = k * len(ARMS) + number
            inner = part(progress, 0.2 + 0.8 * done / count, 0.2 + 0.8 * (done + 1) / count)
            config = dataclasses.replace(base_config(settings), rescale_share=share, rescale_least=1 / FACTOR)
            fit = run_fit(settings, config, seed, people, part(inner, 0, 0.8))
            inner("measuring", 0.8)
            first.setdefault(arm, fit)
            decoder = fit.decoder()
            likeness = []
            for name in people.names:
                planes, views = fit.planes(name), held_out(people, name)
                likeness.append([show_psnr(some, decoder, views) for some in (planes, shrunk(planes, FACTOR))])
            means = np.mean(likeness, 0)
            full[arm].append(float(means[0]))
            small[arm].append(float(means[1]))
    gain = subtract(small["random rescale"], small["fixed size"])
    cost = subtract(full["fixed size"], full["random rescale"])
    robust, cheap = clearly_positive(gain), float(np.mean(cost)) < SMALL_LOSS
    why = (
        f"Planes shrunk by {FACTOR}: {plus_minus(small['random rescale'])} dB with rescaling, "
        f"{plus_minus(small['fixed size'])} without; at full size {plus_minus(full['random rescale'])} against "
        f"{plus_minus(full['fixed size'])} dB."
    )
    if not robust:
        why += " The gain is not clear."
    if not cheap:
        why += f" The loss at full size is more than {SMALL_LOSS} dB."
    ours = {"gain with shrunk planes, dB": gain, "loss at full size, dB": cost}
    ours |= {f"{arm}: full size, dB": values for arm, values in full.items()}
    ours |= {f"{arm}: shrunk by {FACTOR}, dB": values for arm, values in small.items()}
    return Outcome(
        ours=ours, headline="gain with shrunk planes, dB", reproduced=robust and cheap, why=why,
        pictures={"One person (first seed), planes as they are and shrunk, with errors": _sheet(first)},
    )  # fmt: skip


def base_config(settings: Settings) -> ReplayConfig:
    """Some people in turn, without consolidation or rescaling."""
    visits, steps = settings.pick((4, 60), (2, 6))
    return ReplayConfig(
        planes=settings.pick(PlanesConfig(resolution=64, channels=16), PlanesConfig.tiny()),
        objective=points_objective(settings), hidden=settings.pick(64, 16), visits=visits, steps=steps,
        rescale_share=0.0, first_emphasis=1.0, decoder_rate=4e-3, consolidation=0.0, judge_every=0,
    )  # fmt: skip


def _sheet(fits: dict[str, Fit]) -> np.ndarray:
    rows = []
    for fit in fits.values():
        name = fit.subjects.names[0]
        views, decoder, planes = held_out(fit.subjects, name), fit.decoder(), fit.planes(name)
        truth = views.rgb[0].numpy()
        row = [truth]
        for some in (planes, shrunk(planes, FACTOR)):
            shown = picture(some, decoder, views)
            row += [shown, error_map(shown, truth)]
        rows.append(row)
    return grid(rows, ["truth", "full size", "error", f"shrunk by {FACTOR}", "error"])
