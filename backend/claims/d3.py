# SPDX-License-Identifier: GPL-3.0-or-later
"""D3: planes of one case beside the generator's own, where a sentence leaves its domain.

Both arms keep one person and learn the same networks for the same steps; one has planes of its own besides. The judge
of looks took no part in either.
"""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..adaptation.adaptable import Adaptable
from ..adaptation.plan import AdaptPlan
from ..evaluation.looks import look_logits, shipped_look_judge
from ..evaluation.styles import people, shown
from ..studio.looks import LOOKS, look_named
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .pictures import grid
from .styles import TRUNCATION, arm, plan, start, tile

CLAIM = Claim(
    id="D3",
    title="A case-specific learnable triplane takes text to avatar beyond the generator's domain",
    source="DiffusionGAN3D (Lei et al. 2023), text to avatar",
    published="richer textures and shapes of subjects that the GAN does not know, shown in pictures",
    size=None,
    sign=1,
    unit="nats",
    expected="the judge's log-probability of the sentence's look on views from the front and the sides: clearly higher "
    "with the planes",
)  # fmt: skip
PROMPTS = ("a robot", "a blue and white porcelain bust", "a wood carving")
STEPS = 32
TURNS = (-1.0, -0.4, 0.0, 0.4, 1.0)
ARMS = {"with": 1.0, "without": 0.0}


def experiment(settings: Settings, progress: Progress) -> Outcome:
    score: dict[str, list[float]] = {name: [] for name in ARMS}
    rows = []
    side = settings.pick(64, 16)
    for index, seed in enumerate(settings.seeds):
        prompt = PROMPTS[index % len(PROMPTS)]
        row: list[np.ndarray] = []
        for place, (name, rate) in enumerate(ARMS.items()):
            low = (index + place / 2) / len(settings.seeds)
            after, styles = bent(
                settings, prompt, seed, part(progress, low, low + 0.5 / len(settings.seeds)), case=rate
            )
            if not row:
                row += [tile(each) for each in shown(start(), styles, side, (-0.4, 0.4))]
            pictures = shown(after, styles, side, TURNS)
            score[name].append(look_score(pictures[:, :3], prompt))
            row += [tile(pictures[k]) for k in (1, 3)]
        rows.append(row)
    gain = subtract(score["with"], score["without"])
    reproduced = clearly_positive(gain)
    why = (
        f"The judge gives the sentence's look {plus_minus(score['with'])} nats with planes of the case and "
        f"{plus_minus(score['without'])} without."
    )
    if not reproduced:
        why += " The difference is within the spread over seeds, or has the other sign."
    ours = {"gain of the look's log-probability [nats]": gain}
    ours |= {f"{name}: log-probability of the look [nats]": values for name, values in score.items()}
    labels = ["before", "", "with planes", "", "without", ""]
    return Outcome(
        ours=ours, headline="gain of the look's log-probability [nats]", reproduced=reproduced, why=why,
        pictures={f"One person for each seed: {', '.join(PROMPTS)}": grid(rows, labels, 112)},
    )  # fmt: skip


def bent(
    settings: Settings, prompt: str, seed: int, progress: Progress, case: float = 1.0, smooth: float | None = None
) -> tuple[Adaptable, Float[Tensor, "1 K W"]]:
    """One person's generator after a sentence; equal calls of two claims are one run."""
    styles = people(start(), 1, 700 + seed, TRUNCATION)
    told = replace(case_plan(plan(settings, prompt, seed, settings.pick(STEPS, 2))), case_rate=case)
    if smooth is not None:
        told = replace(told, smooth_weight=smooth)
    return arm(settings, told, progress, prompt, styles), styles


def case_plan(told: AdaptPlan) -> AdaptPlan:
    """As text to avatar has it: one person, two pictures a step."""
    return replace(told, batch=2, diversity_weight=0.0, shape_weight=0.1)


@torch.no_grad()
def look_score(pictures: Float[Tensor, "N 3 S S"], prompt: str) -> float:
    """Mean log-probability, nats, of the look that a sentence names."""
    name = look_named(prompt)
    index = [look.name for look in LOOKS].index(name or "")
    return float(functional.log_softmax(look_logits(pictures, shipped_look_judge()), 1)[:, index].mean())
