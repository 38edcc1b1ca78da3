# SPDX-License-Identifier: GPL-3.0-or-later
"""D6: faces where the back of a head should be, of a generator that knows heads and of one that knows nothing.

Both are bent to one sentence about a person by the same prior for the same steps. Whether a picture shows a face says a
logistic regression in the features of the frozen portrait encoder, learned on studio people from all around.
"""

from dataclasses import replace

from ..evaluation.styles import people, shown
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .d3 import case_plan
from .faces import learn_faces
from .pictures import grid
from .styles import TRUNCATION, arm, plan, start, tile

CLAIM = Claim(
    id="D6",
    title="A generator of heads as the start of text to 3D avoids faces on the back of the head",
    source="DiffusionGAN3D (Lei et al. 2023), against text to 3D from nothing",
    published="fewer artefacts of many faces than DreamFusion and its kin, shown in pictures",
    size=None,
    sign=-1,
    unit="%",
    expected="share of views from behind (beyond 120 degrees) that show a face: clearly lower than from nothing, and "
    "the front shows one",
)  # fmt: skip
PROMPTS = ("a photo of an old man", "a photo of a woman", "a photo of a young man with a beard")
STEPS = 32
BEHIND = (2.2, 2.6, 3.0, 3.4, 3.8)
FRONT = (-0.3, 0.0, 0.3)


def experiment(settings: Settings, progress: Progress) -> Outcome:
    probe = learn_faces(settings, part(progress, 0, 0.15))
    behind: dict[str, list[float]] = {"generator": [], "nothing": []}
    front: dict[str, list[float]] = {"generator": [], "nothing": []}
    rows = []
    side = settings.pick(64, 16)
    for index, seed in enumerate(settings.seeds):
        prompt, row = PROMPTS[index % len(PROMPTS)], []
        for place, name in enumerate(behind):
            low = 0.15 + 0.85 * (index + place / 2) / len(settings.seeds)
            fresh = seed if name == "nothing" else None
            told = case_plan(plan(settings, prompt, seed, settings.pick(STEPS, 2)))
            if fresh is not None:
                told = replace(told, shape_weight=0.0)
            told = replace(told, case_rate=1.0)
            styles = people(start(fresh=fresh), 1, 800 + seed, TRUNCATION)
            after = arm(
                settings, told, part(progress, low, low + 0.42 / len(settings.seeds)), f"{prompt}, from {name}", styles,
                fresh,
            )  # fmt: skip
            for measured, turns in ((behind, BEHIND), (front, FRONT)):
                measured[name].append(100 * probe.share(shown(after, styles, side, turns)))
            row += [tile(each) for each in shown(after, styles, side, (0.0, 1.57, 3.14))]
        rows.append(row)
    fewer = subtract(behind["nothing"], behind["generator"])
    failed = [
        sentence
        for holds, sentence in (
            (clearly_positive(fewer), "Faces from behind are not clearly fewer."),
            (min(front["generator"]) > 50, "The front does not always show a face."),
        )
        if not holds
    ]
    why = (
        f"{plus_minus(behind['generator'], 0)} % of views from behind show a face where the generator began, "
        f"{plus_minus(behind['nothing'], 0)} % where nothing did; of views from the front "
        f"{plus_minus(front['generator'], 0)} and {plus_minus(front['nothing'], 0)} %. The judge of faces is right on "
        f"{100 * probe.accuracy:.0f} % of studio views that it did not learn from."
    )
    ours = {"change of faces from behind [%]": [-each for each in fewer]}
    for name in behind:
        ours[f"from {name}: faces from behind [%]"] = behind[name]
        ours[f"from {name}: faces from the front [%]"] = front[name]
    labels = ["generator", "", "", "nothing", "", ""]
    return Outcome(
        ours=ours, headline="change of faces from behind [%]", reproduced=not failed, why=" ".join([why, *failed]),
        pictures={f"Front, side and back: {', '.join(PROMPTS)}": grid(rows, labels, 112)},
    )  # fmt: skip
