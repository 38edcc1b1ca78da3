# SPDX-License-Identifier: GPL-3.0-or-later
"""H1: a shared decoder that is trained on people in sequence forgets the first ones, unless it comes back to them."""

import numpy as np

from ..training.replay import memories
from . import forgetting
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .fits import Fit, held_out, picture
from .forgetting import ARMS
from .people import make_people
from .pictures import error_map, grid

NEARLY_NOTHING = 0.3
"""dB; forgetting below this counts as none."""
CLAIM = Claim(
    id="H1",
    title="Task replay and identity-aware weight consolidation keep a shared decoder from forgetting",
    source="RodinHD (arXiv 2407.06938), section 3.1 and its ablation of fitting.",
    published="Fitting PSNR at 512²: one visit 30.56, replay 30.93, with weight decay 31.00, with IWC 31.45 dB; the "
    "published replay also has ten times more steps, here all arms have the same.",
    size=0.89,
    unit="dB",
    expected="PSNR of held-out views with the final decoder less PSNR right after the last fit, planes unchanged: "
    "clearly less is lost with replay than after one visit, not clearly more with replay + IWC than with replay alone, "
    f"and with replay + IWC less than {NEARLY_NOTHING} dB.",
)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    """Change of each person's PSNR between its last fit and the end of the run."""
    make_people(settings, part(progress, 0, 0.2))
    then: dict[str, list[float]] = {arm: [] for arm in ARMS}
    now: dict[str, list[float]] = {arm: [] for arm in ARMS}
    count = len(settings.seeds)
    first: dict[str, Fit] = {}
    for k, seed in enumerate(settings.seeds):
        inner = part(progress, 0.2 + 0.8 * k / count, 0.2 + 0.8 * (k + 1) / count)
        fits = forgetting.runs(settings, seed, part(inner, 0, 0.85))
        first = first or fits
        for arm, fit in fits.items():
            inner("measuring", 0.85)
            remembered = memories(fit.subjects, fit.folder)
            then[arm].append(float(np.mean([memory.then for memory in remembered])))
            now[arm].append(float(np.mean([memory.now for memory in remembered])))
    change = {arm: subtract(now[arm], then[arm]) for arm in ARMS}
    gain = subtract(now["replay + IWC"], now["one visit"])
    ours = {"PSNR with the final decoder, replay + IWC less one visit, dB": gain}
    ours |= {f"{arm}: change since the last fit, dB": change[arm] for arm in ARMS}
    ours |= {f"{arm}: PSNR with the final decoder, dB": now[arm] for arm in ARMS}
    reproduced, why = _judge(change, then["one visit"], then["replay"])
    return Outcome(
        ours=ours, headline=next(iter(ours)), reproduced=reproduced, why=why,
        pictures={"The first person fitted (first seed): error maps with the final decoder": _sheet(first)},
    )  # fmt: skip


def _judge(change: dict[str, list[float]], then_once: list[float], then_replay: list[float]) -> tuple[bool, str]:
    once, replay, iwc = (change[arm] for arm in ("one visit", "replay", "replay + IWC"))
    replay_helps = clearly_positive(subtract(replay, once))
    no_worse = not clearly_positive(subtract(replay, iwc))
    nearly_nothing = float(np.mean(iwc)) > -NEARLY_NOTHING
    figures = ", ".join(f"{arm} {plus_minus(values, signed=True)}" for arm, values in change.items())
    why = f"Change in dB since the last fit: {figures}."
    if not replay_helps:
        why += " Replay does not clearly lose less than one visit."
    difference = subtract(iwc, replay)
    verb = "takes" if not no_worse else "adds" if clearly_positive(difference) else "changes that by"
    why += f" Consolidation {verb} {plus_minus(difference, signed=True)} dB"
    why += "." if verb != "changes that by" else ", which is no clear difference: replay leaves it nothing to hold."
    if not nearly_nothing:
        why += f" With replay + IWC more than {NEARLY_NOTHING} dB are lost."
    lost = float(np.mean(subtract(then_once, then_replay)))
    why += f" Right after the fit one visit is {abs(lost):.1f} dB {'above' if lost > 0 else 'below'} replay."
    return replay_helps and no_worse and nearly_nothing, why


def _sheet(fits: dict[str, Fit]) -> np.ndarray:
    """Truth; then for one visit, replay and replay + IWC: right after the last fit, now, and the error now."""
    name = fits["one visit"].subjects.names[0]
    views = held_out(fits["one visit"].subjects, name)
    truth = views.rgb[0].numpy()
    rows = []
    for arm in ("one visit", "replay", "replay + IWC"):
        fit = fits[arm]
        planes = fit.planes(name)
        rows.append([truth])
        for decoder in (fit.decoder_then(name), fit.decoder()):
            shown = picture(planes, decoder, views)
            rows[-1] += [shown, error_map(shown, truth)]
    return grid(rows, ["truth", "after its last fit", "error", "final decoder", "error"])
