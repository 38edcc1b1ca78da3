# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a picture that are changed by different strengths in one sampling (Levin and Fried 2023, differential
diffusion): each pixel joins at its own time and is the present picture under noise until then."""

import torch
from jaxtyping import Float
from torch import Tensor

from .denoiser import Denoiser


def joining(denoise: Denoiser, present: Float[Tensor, "B C H W"], entry: Float[Tensor, "B 1 H W"]) -> Denoiser:
    """A denoiser that changes pixels only from their time `entry` on: 1 is free, 0 stays as it is.

    Where nothing has joined yet the network is not asked.
    """

    def restrained(x: Tensor, u: Tensor) -> Tensor:
        joined = (entry >= u[:, None, None, None]) & (entry > 0)
        if not bool(joined.any()):
            return present
        return torch.where(joined, denoise(x, u).to(present.dtype), present)

    return restrained
