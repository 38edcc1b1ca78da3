# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps the surface of a volume tight and free space free, beside the error of its pictures.

Trevithick et al. 2024 (WYSIWYG), section 3.4, with means in place of its sums, so that weights do not depend on sizes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry import TRUNCATION


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaSchedule:
    """The width of the surface that a run asks for: constant at first, then falling linearly, then constant.

    The defaults are the published run's, as shares of its 28.2 million pictures: 0.01 up to 10 million, 0.001 from 11
    million on. They scale to a run of any length.
    """

    first: float = 0.01
    """Wanted width at the start, box units."""
    last: float = 0.001
    """Wanted width at the end."""
    begin: float = 10 / 28.2
    """Share of the run after which it falls."""
    end: float = 11 / 28.2
    """Share of the run at which it has fallen."""

    def target(self, progress: float) -> float:
        """The wanted width when a share of the run is done."""
        fallen = min(max((progress - self.begin) / (self.end - self.begin), 0.0), 1.0)
        return self.first + (self.last - self.first) * fallen


def beta_loss(beta: Float[Tensor, "*M"], alpha: Float[Tensor, "*M"], target: float) -> Float[Tensor, ""]:
    """Mean square of the rendered width of the surface less the wanted one, in units of the wanted one.

    `beta` is as `geometry.volume` renders it, multiplied by coverage. The paper's pictures are full; ours are not, so
    the wanted width is multiplied by coverage as well (no gradient through it), or the background would ask for beta.
    """
    return ((beta - target * alpha.detach()) / target).square().mean()


def decision_boundary_loss(sdf: Float[Tensor, "*N"], steepness: float = 2 / TRUNCATION) -> Float[Tensor, ""]:
    """Mean of exp(-steepness |sdf|) over samples spread along rays: free space keeps away from the surface's value.

    The paper's factor is 2, on distances that no truncation bounds; ours saturate at `TRUNCATION`, which stands for
    its unit.
    """
    return torch.exp(-steepness * sdf.abs()).mean()


def total_variation(planes: Float[Tensor, "B 3 C R R"]) -> Float[Tensor, ""]:
    """Mean squared difference of neighbouring texels, summed over rows and columns."""
    return planes.diff(dim=-1).square().mean() + planes.diff(dim=-2).square().mean()
