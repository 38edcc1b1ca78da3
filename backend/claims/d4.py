# SPDX-License-Identifier: GPL-3.0-or-later
"""D4: total variation at several scales on the planes of a case, with and without."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..adaptation.adaptable import Adaptable
from ..adaptation.adaptable_sdf import AdaptableSdfGan
from ..adaptation.smoothness import high_frequency_share
from ..evaluation.styles import shown
from ..geometry.sampling import TwoPass
from ..geometry.volume import volume_render
from ..training.gan_sheet import facing
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .d3 import PROMPTS, TURNS, bent, look_score
from .pictures import grid
from .styles import tile

CLAIM = Claim(
    id="D4",
    title="Multi-scale total variation takes the noise out of the learned triplane",
    source="DiffusionGAN3D (Lei et al. 2023), text to avatar",
    published="noise in texture and shape without it, shown in pictures",
    size=None,
    sign=-1,
    unit="",
    expected="share of the planes' energy above half the Nyquist frequency, and roughness of normals: both clearly "
    "lower with it; the judge's score of the look not clearly lower",
)  # fmt: skip
ARMS = {"with": None, "without": 0.0}


def experiment(settings: Settings, progress: Progress) -> Outcome:
    high: dict[str, list[float]] = {name: [] for name in ARMS}
    rough: dict[str, list[float]] = {name: [] for name in ARMS}
    score: dict[str, list[float]] = {name: [] for name in ARMS}
    rows = []
    side = settings.pick(64, 16)
    for index, seed in enumerate(settings.seeds):
        prompt, row = PROMPTS[index % len(PROMPTS)], []
        for place, (name, weight) in enumerate(ARMS.items()):
            low = (index + place / 2) / len(settings.seeds)
            after, styles = bent(
                settings, prompt, seed, part(progress, low, low + 0.5 / len(settings.seeds)), smooth=weight
            )
            assert isinstance(after, AdaptableSdfGan) and after.network.case is not None
            high[name].append(high_frequency_share(after.network.case.detach()))
            normals, angle = roughness(after, styles, side)
            rough[name].append(angle)
            pictures = shown(after, styles, side, TURNS)
            score[name].append(look_score(pictures[:, :3], prompt))
            row += [tile(pictures[3]), normals]
        rows.append(row)
    smoother = subtract(high["without"], high["with"])
    calmer = subtract(rough["without"], rough["with"])
    lost = subtract(score["without"], score["with"])
    failed = [
        sentence
        for holds, sentence in (
            (clearly_positive(smoother), "The planes are not clearly smoother."),
            (clearly_positive(calmer), "Normals are not clearly calmer."),
            (not clearly_positive(lost), "The look is clearly lost for it."),
        )
        if not holds
    ]
    why = (
        f"{plus_minus([100 * each for each in high['with']], 1)} % of the planes' energy is at high frequencies with "
        f"it, {plus_minus([100 * each for each in high['without']], 1)} % without; normals bend by "
        f"{plus_minus(rough['with'], 1)} against {plus_minus(rough['without'], 1)} degrees from pixel to pixel; "
        f"the look has {plus_minus(score['with'])} against {plus_minus(score['without'])} nats."
    )
    ours = {"change of the share of high frequencies": [-each for each in smoother]}
    for name in ARMS:
        ours[f"{name}: share of high frequencies"] = high[name]
        ours[f"{name}: bend of normals [degrees]"] = rough[name]
        ours[f"{name}: log-probability of the look [nats]"] = score[name]
    labels = ["with", "normals", "without", "normals"]
    return Outcome(
        ours=ours, headline="change of the share of high frequencies", reproduced=not failed,
        why=" ".join([why, *failed]),
        pictures={f"One person for each seed: {', '.join(PROMPTS)}": grid(rows, labels, 144)},
    )  # fmt: skip


@torch.no_grad()
def roughness(
    generator: Adaptable, styles: Float[Tensor, "1 K W"], side: int
) -> tuple[Float[np.ndarray, "S S 3"], float]:
    """A picture of the normals, and the mean angle between each and the mean of its neighbours, degrees."""
    assert isinstance(generator, AdaptableSdfGan)
    camera = generator.camera(0.4, 0.05)
    view = volume_render(generator.network.volume(generator.planes(styles)), camera, side, side, TwoPass(48, 48))
    normal, seen = view.normal.permute(2, 0, 1)[None], (view.alpha > 0.95).float()[None, None]
    inside = functional.avg_pool2d(seen, 3, 1, 1) > 0.99
    around = functional.normalize(functional.avg_pool2d(normal, 3, 1, 1), dim=1)
    cosine = (normal * around).sum(1, keepdim=True).clamp(-1, 1)
    angle = torch.rad2deg(torch.acos(cosine))[inside]
    return facing(view, camera).numpy(), float(angle.mean()) if len(angle) else 0.0
