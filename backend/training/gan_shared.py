# SPDX-License-Identifier: GPL-3.0-or-later
"""How planes that all people share are learned: through a Gaussian.

Each of their texels is learned by itself, so they carry the noise of the last minibatches, which normals show as
streaks. A Gaussian of one texel takes that off and leaves eyes and mouths, which are several texels wide. What is
learned is the blurred planes; when a run ends they take the place of the others.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

WIDTH = 1.0
"""Deviation of the Gaussian, texels."""
REACH = 3
"""Texels on either side that count."""


def smoothed(planes: Float[Tensor, "B 3 C R R"], width: float = WIDTH) -> Float[Tensor, "B 3 C R R"]:
    """Planes blurred along rows and columns; beyond the border its values hold."""
    places = torch.arange(-REACH, REACH + 1, device=planes.device)
    taps = torch.exp(-places.square() / (2 * width**2))
    taps = (taps / taps.sum()).to(planes)
    flat = planes.flatten(0, 2)[:, None]
    flat = functional.conv2d(functional.pad(flat, (REACH, REACH, 0, 0), mode="replicate"), taps.view(1, 1, 1, -1))
    flat = functional.conv2d(functional.pad(flat, (0, 0, REACH, REACH), mode="replicate"), taps.view(1, 1, -1, 1))
    return flat[:, 0].view_as(planes)
