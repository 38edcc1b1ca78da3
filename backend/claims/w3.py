# SPDX-License-Identifier: GPL-3.0-or-later
"""W3: more samples for the hardest pixels, fewer for the others."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from ..geometry.proposed import Proposed
from .base import Claim, Outcome, Progress, Settings, clearly_positive, plus_minus, subtract
from .pictures import error_map, grid
from .scenes import decibels, prepare

CLAIM = Claim(
    id="W3",
    title="A budget that follows the difficulty of a pixel lowers errors at depth edges",
    source="WYSIWYG (Trevithick et al. 2024), section 3.3",
    published="32 samples for the hardest 10 % of the pixels and 16 for the others in place of an equal count; "
    "shown in pictures, without a number",
    size=None,
    unit="dB",
    expected="PSNR at depth edges with 9 samples and 19 for the hardest 10 % above that with 10 for all, at the same "
    "mean count",
)  # fmt: skip
FLAT, EASY, HARD = 10, 9, 19
DRAWS = 3


def experiment(settings: Settings, progress: Progress) -> Outcome:
    network, scenes = prepare(settings, progress)
    arms = {"flat": Proposed(network, "robust", FLAT), "adaptive": Proposed(network, "robust", EASY, hard_budget=HARD)}
    ours: dict[str, list[float]] = {f"{arm}, {where} [dB]": [] for where in ("depth edges", "all") for arm in arms}
    ours |= {f"{arm}, questions a pixel": [] for arm in arms}
    rows = []
    for index, scene in enumerate(scenes):
        edges = depth_edges(scene.depth).reshape(-1)
        truth = scene.rgb.numpy()
        row = [truth, edges.reshape(scene.depth.shape)[..., None].expand(-1, -1, 3).float().numpy()]
        for arm, sampler in arms.items():
            progress(f"person {index + 1}: {arm}", 0.7 + 0.3 * index / len(scenes))
            views = [scene.render(sampler, draw) for draw in range(DRAWS)]
            errors = [scene.errors(view) for view in views]
            ours[f"{arm}, depth edges [dB]"].append(decibels(torch.cat([each[edges] for each in errors])))
            ours[f"{arm}, all [dB]"].append(decibels(torch.cat(errors)))
            ours[f"{arm}, questions a pixel"].append(views[0].queries / scene.size**2)
            row.append(error_map(views[0].rgb.numpy(), truth, top=0.5))
        rows.append(row)
    gain = subtract(ours["adaptive, depth edges [dB]"], ours["flat, depth edges [dB]"])
    everywhere = subtract(ours["adaptive, all [dB]"], ours["flat, all [dB]"])
    spent = subtract(ours["adaptive, questions a pixel"], ours["flat, questions a pixel"])
    fair = all(abs(difference) < 0.2 for difference in spent)
    headline = "adaptive over flat, depth edges [dB]"
    return Outcome(
        ours={headline: gain, **ours},
        headline=headline,
        reproduced=clearly_positive(gain) and fair,
        why=f"At depth edges the adaptive budget is {plus_minus(gain, 2, signed=True)} dB from the flat one, over "
        f"whole pictures {plus_minus(everywhere, 2, signed=True)} dB, with "
        f"{plus_minus(spent, 2, signed=True)} questions a pixel more.",
        pictures={
            "Errors up to half of the range at ten samples a pixel beside the probe": grid(
                rows, ["384 samples", "depth edges", "10 each", "9, and 19 for a tenth"], 256
            )
        },
    )


def depth_edges(depth: Float[Tensor, "H W"], step: float = 0.06) -> Bool[Tensor, "H W"]:
    """Pixels next to a jump in depth, box units; the outline counts, background being infinitely far."""
    far = torch.where(depth > 0, depth, 100.0)[None, None]
    padded = functional.pad(far, (1, 1, 1, 1), mode="replicate")
    return (functional.max_pool2d(padded, 3, 1) + functional.max_pool2d(-padded, 3, 1) > step)[0, 0]
