# SPDX-License-Identifier: GPL-3.0-or-later
"""A prior whose every answer is known, and small generators, for the tests of adaptation."""

from collections.abc import Sequence

import torch
from torch import Tensor

from backend.adaptation.adaptable_sdf import AdaptableSdfGan
from backend.adaptation.prior import PriorPlace
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan

COLOURS = {"": (0.0, 0.0, 0.0), "red": (0.9, -0.9, -0.9), "green": (-0.9, 0.9, -0.9)}


class Ideal:
    """The exact denoiser of pictures of independent Gaussian pixels around one colour for each word (red, green; grey
    without any): what is likeliest is known, and so is the noise that it predicts.

    With `region` [S, S] words speak of that part of a picture alone.
    """

    name, fingerprint = "ideal", "0"
    device = torch.device("cpu")

    def __init__(self, side: int = 16, deviation: float = 0.2, region: Tensor | None = None) -> None:
        self.side, self.deviation = side, deviation
        self.region = torch.ones(side, side) if region is None else region
        self.alphas_cumprod = torch.cos(torch.linspace(0.02, 0.98, 100) * torch.pi / 2) ** 2
        self.asked: list[Tensor] = []

    def text(self, prompts: Sequence[str]) -> Tensor:
        words = [next((word for word in COLOURS if word and word in prompt), "") for prompt in prompts]
        return torch.tensor([COLOURS[word] for word in words])

    def encode(self, pictures: Tensor) -> Tensor:
        return pictures

    def decode(self, latents: Tensor) -> Tensor:
        return latents

    def predict_noise(self, noisy: Tensor, times: Tensor, text: Tensor) -> Tensor:
        self.asked.append(times)
        alpha = self.alphas_cumprod[times][:, None, None, None]
        mean = text[:, :, None, None] * self.region
        # E[noise | noisy] of a Gaussian: the share of the spread that is noise.
        spread = alpha * self.deviation**2 + 1 - alpha
        return (1 - alpha).sqrt() * (noisy - alpha.sqrt() * mean) / spread


def small_generator(seed: int = 0) -> AdaptableSdfGan:
    """An untrained SDF GAN: spheres whose colours differ from person to person."""
    torch.manual_seed(seed)
    model = TrainedSdfGan.build(SdfGanFileConfig.tiny())
    heads = model.generator.heads
    torch.nn.init.normal_(heads.first.weight[:, -model.config.generator.features :], 0.0, 0.1)
    torch.nn.init.normal_(heads.shape.weight[2:], 0.0, 0.5)
    return AdaptableSdfGan(model, "tiny", "0123456789abcdef", torch.device("cpu"))


def ideal(place: PriorPlace) -> Ideal:
    """As a prior is loaded."""
    return Ideal()
