# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network may predict (clean data, noise or velocity), and how each becomes the clean data samplers ask for."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from .denoiser import Network

Prediction = Literal["x0", "eps", "v"]
"""Clean data, noise, or v = alpha noise - sigma x0 (Salimans and Ho 2022)."""
LEAST_SIGNAL = 1e-4
"""Alpha below which noise says nothing of the data; bounds a division."""


def wanted(
    x0: Float[Tensor, "B C H W"], noise: Float[Tensor, "B C H W"], sigma: Float[Tensor, " B"], kind: Prediction
) -> Float[Tensor, "B C H W"]:
    """What the network should say of sqrt(1 - sigma²) x0 + sigma noise."""
    if kind == "x0":
        return x0
    if kind == "eps":
        return noise
    alpha, scale = _alpha_sigma(sigma)
    return alpha * noise - scale * x0


def clean(
    said: Float[Tensor, "B C H W"], x: Float[Tensor, "B C H W"], sigma: Float[Tensor, " B"], kind: Prediction
) -> Float[Tensor, "B C H W"]:
    """The clean data that a prediction at x stands for."""
    if kind == "x0":
        return said
    alpha, scale = _alpha_sigma(sigma)
    if kind == "v":
        return alpha * x - scale * said
    return (x - scale * said) / alpha.clamp(min=LEAST_SIGNAL)


def as_network(network: Callable[[Tensor, Tensor], Tensor], kind: Prediction) -> Network:
    """A network of another prediction as one of clean data; channels beyond the data's own (variances) are dropped."""

    def predict(x: Tensor, sigma: Tensor) -> Tensor:
        return clean(network(x, sigma)[:, : x.shape[1]].float(), x, sigma, kind)

    return predict


def _alpha_sigma(sigma: Tensor) -> tuple[Tensor, Tensor]:
    scale = sigma[:, None, None, None]
    return (1 - scale.square()).clamp(min=0).sqrt(), scale


def split_variance(
    said: Float[Tensor, "B D H W"], channels: int
) -> tuple[Float[Tensor, "B C H W"], Float[Tensor, "B C H W"] | None]:
    """A prediction of `channels`, and where the network also says variances, their share between the smallest and the
    largest that a step can have (Nichol and Dhariwal 2021, eq. 15)."""
    if said.shape[1] == channels:
        return said, None
    prediction, variance = torch.split(said, channels, 1)
    return prediction, (variance + 1) / 2
