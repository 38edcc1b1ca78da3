# SPDX-License-Identifier: GPL-3.0-or-later
"""What a photograph says about the places that it does not show: they change as what is like them changes.

The back of the hair follows the front, the far cheek its mirror image, the shoulders the collar. Kernel regression
(Nadaraya 1964, Watson 1964) over place and colour, from narrow to wide: where narrow kernels see nothing, wider ones
answer, and where nothing is alike, nothing changes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

SCALES = ((0.08, 0.15), (0.3, 0.2), (0.8, 0.15))
"""Widths of the kernels: in place (box units) and in colour (sRGB)."""
DOUBT = 0.6
"""Sum of weights at which a kernel is believed by half."""
SOURCES = 800
"""Most points that answers are drawn from."""
TILE = 4096


@dataclass(frozen=True, slots=True)
class Patch:
    """Coloured points of a surface."""

    points: Float[Tensor, "N 3"]
    rgb: Float[Tensor, "N 3"]
    """sRGB albedo."""

    def coordinates(self, place: float, colour: float) -> Float[Tensor, "N 6"]:
        """Place, left and right being one, and colour, in widths of a kernel."""
        x, y, z = self.points.unbind(-1)
        return torch.cat([torch.stack([x.abs(), y, z], -1) / place, self.rgb / colour], -1)


def spread(
    known: Patch,
    change: Float[Tensor, "N 3"],
    weights: Float[Tensor, " N"],
    unknown: Patch,
    random: torch.Generator,
) -> Float[Tensor, "M 3"]:
    """The change of colour at the unknown points, given it with weights in [0, 1] at the known ones."""
    chosen = torch.randperm(len(weights), generator=random)[:SOURCES].to(weights.device)
    # As many as the doubt was chosen for, whatever there is to choose from.
    density = SOURCES / max(len(chosen), 1)
    known = Patch(known.points[chosen], known.rgb[chosen])
    change, weights = change[chosen], weights[chosen] * density
    answers = []
    for first in range(0, len(unknown.points), TILE):
        part = Patch(unknown.points[first : first + TILE], unknown.rgb[first : first + TILE])
        answer, open_share = torch.zeros_like(part.rgb), torch.ones_like(part.rgb[:, :1])
        for scale in SCALES:
            distance = torch.cdist(part.coordinates(*scale), known.coordinates(*scale))
            kernel = torch.exp(-distance.square() / 2) * weights
            total = kernel.sum(1, keepdim=True)
            share = open_share * total / (total + DOUBT)
            answer = answer + share * (kernel @ change) / total.clamp_min(1e-9)
            open_share = open_share - share
        answers.append(answer)
    return torch.cat(answers) if answers else torch.zeros_like(unknown.rgb)
