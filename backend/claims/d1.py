# SPDX-License-Identifier: GPL-3.0-or-later
"""D1: the relative distance loss, with and without, as the generator follows a sentence.

Each seed has a sentence, people and noise of its own.
"""

from dataclasses import replace

import torch

from ..adaptation.diversity import diversity_ratio
from ..evaluation.looks import share_in
from ..evaluation.styles import people, shown, spread
from ..studio.looks import look_named
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .pictures import grid
from .styles import TRUNCATION, arm, eye, plan, start, tile

CLAIM = Claim(
    id="D1",
    title="The relative distance loss keeps people different while the generator follows a sentence",
    source="DiffusionGAN3D (Lei et al. 2023), relative distance loss",
    published="greater diversity at the same style, shown in pictures and a study; no number was retrieved",
    size=None,
    sign=1,
    unit="",
    expected="E[dT'/dT], how far apart people's planes are over how far they were: within 0.8 to 1.2 with the loss and "
    "clearly lower without; pictures of people clearly further apart with it, too",
)  # fmt: skip
PROMPTS = ("a marble statue", "a zombie", "a golden statue")
ARMS = {"with": 1.0, "without": 0.0}
STEPS, JUDGED, SHOWN = 32, 16, 5


def experiment(settings: Settings, progress: Progress) -> Outcome:
    ratio: dict[str, list[float]] = {name: [] for name in ARMS}
    apart: dict[str, list[float]] = {name: [] for name in ARMS}
    styled: dict[str, list[float]] = {name: [] for name in ARMS}
    rows = []
    side, count = settings.pick(64, 16), settings.pick(JUDGED, 3)
    for index, seed in enumerate(settings.seeds):
        prompt = PROMPTS[index % len(PROMPTS)]
        before = start()
        styles = people(before, count, 500 + seed, TRUNCATION)
        with torch.no_grad():
            planes = before.planes(styles)
        rows.append([tile(each) for each in shown(before, styles[:SHOWN], side, (0.3,))])
        for place, (name, weight) in enumerate(ARMS.items()):
            low = (index + place / 2) / len(settings.seeds)
            told = replace(plan(settings, prompt, seed, STEPS), diversity_weight=weight)
            after = arm(settings, told, part(progress, low, low + 0.5 / len(settings.seeds)), f"{prompt}, {name}")
            with torch.no_grad():
                ratio[name].append(diversity_ratio(after.planes(styles), planes))
            pictures = shown(after, styles, side, (0.3,))
            apart[name].append(spread(pictures, eye()))
            look = look_named(prompt)
            assert look is not None
            styled[name].append(100 * share_in(look, pictures[:, :3]))
            rows.append([tile(each) for each in pictures[:SHOWN]])
    kept = subtract(ratio["with"], ratio["without"])
    further = [1 - lost / had for had, lost in zip(apart["with"], apart["without"], strict=True)]
    within = all(0.8 <= value <= 1.2 for value in ratio["with"])
    failed = [
        sentence
        for holds, sentence in (
            (within, "With the loss the ratio leaves 0.8 to 1.2."),
            (clearly_positive(kept), "Without it the ratio is not clearly lower."),
            (clearly_positive(further), "Pictures are not clearly further apart with it."),
        )
        if not holds
    ]
    why = (
        f"E[dT'/dT] is {plus_minus(ratio['with'])} with the loss and {plus_minus(ratio['without'])} without; "
        f"pictures are {plus_minus([100 * each for each in further], 0)} % closer to each other without. "
        f"{plus_minus(styled['with'], 0)} % and {plus_minus(styled['without'], 0)} % are in the sentence's look."
    )
    ours = {"ratio with the loss less that without": kept}
    for name in ARMS:
        ours[f"{name}: E[dT'/dT]"] = ratio[name]
        ours[f"{name}: perceptual distance between people"] = apart[name]
        ours[f"{name}: in the sentence's look [%]"] = styled[name]
    labels = [f"person {k + 1}" for k in range(min(SHOWN, count))]
    return Outcome(
        ours=ours, headline="ratio with the loss less that without", reproduced=not failed,
        why=" ".join([why, *failed]),
        pictures={"For each seed: before, with the loss, without": grid(rows, labels, 96)},
    )  # fmt: skip
