# SPDX-License-Identifier: GPL-3.0-or-later
"""Score distillation: how a picture should change so that a diffusion prior finds it likelier, given a sentence.

Poole et al. 2023 (DreamFusion), eq. 3: w(t) (eps(z_t; y, t) - eps), where z_t is the picture with noise eps. With
x0 the picture that a prediction stands for, the bracket is sqrt(alpha / (1 - alpha)) (z - x0); in that shape x0 may as
well come of several denoising steps. Other brackets:

classifier   s (eps_y - eps_0): the sentence's part alone (Yu et al. 2024, CSD)
noise-free   (eps_0 - eps_n at large t, eps_0 at small) + s (eps_y - eps_0), where n is what is not wanted
             (Katzir et al. 2024)
likelihood   the guided prediction itself, without - eps, at little noise (Pérez and Klokov 2024)
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .plan import Distillation
from .prior import PicturePrior, guided, noised

NOISE_FREE_BELOW = 0.2
"""Share of the times below which Katzir et al. take the unconditional prediction as it is: 200 of 1000."""
UNWANTED = "blurry, dark, deformed"
"""What noise-free distillation moves away from, where nothing is named."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a prior wants of pictures."""

    gradient: Float[Tensor, "B C s s"]
    """Of the loss in the latents; no gradient of its own."""
    wanted: Float[Tensor, "B C s s"]
    """The latents that it points to."""
    difference: Float[Tensor, "B C s s"]
    """What the sentence alone changes of the predicted noise: eps_y - eps_0."""


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence as the prior knows it."""

    wanted: Float[Tensor, "1 *K"]
    nothing: Float[Tensor, "1 *K"]
    """No sentence, or what is not wanted: guidance leads away from it."""
    unwanted: Float[Tensor, "1 *K"]
    """For `noise-free` alone."""

    @classmethod
    def of(cls, prior: PicturePrior, prompt: str, negative: str = "") -> "Words":
        """Ask the prior once."""
        return cls(prior.text([prompt]), prior.text([negative]), prior.text([negative or UNWANTED]))


def opinion(
    prior: PicturePrior,
    latents: Float[Tensor, "B C s s"],
    words: Words,
    config: Distillation,
    random: torch.Generator,
    progress: float = 0.0,
) -> Opinion:
    """What the prior says at random times; `progress` in [0, 1] narrows them as the configuration wants."""
    with torch.no_grad():
        latents = latents.detach().float()
        alphas = prior.alphas_cumprod
        times = draw_times(len(latents), len(alphas), config, progress, random).to(latents.device)
        noise = torch.randn(latents.shape, generator=random).to(latents)
        noisy = noised(latents, times, noise, alphas)
        with_text, without = _asked(prior, noisy, times, words)
        difference = with_text - without
        predicted = combined(with_text, without, config)
        alpha = alphas[times][:, None, None, None]
        bracket = _bracket(prior, noisy, noise, times, words, config, predicted, with_text, without)
        if config.passes > 1:
            wanted = _denoised(prior, noisy, times, words, config, predicted)
            bracket = (alpha / (1 - alpha)).sqrt() * (latents - wanted)
        else:
            wanted = (noisy - (1 - alpha).sqrt() * predicted) / alpha.sqrt()
        return Opinion(_bounded(weigh(alpha, config) * bracket, config), wanted, difference)


def surrogate(latents: Float[Tensor, "B C s s"], gradient: Float[Tensor, "B C s s"]) -> Float[Tensor, ""]:
    """A loss whose gradient in the latents is `gradient` over their number: half the squared way to where it points."""
    target = (latents - gradient).detach()
    return 0.5 * (latents - target).square().mean()


def combined(
    with_text: Float[Tensor, "B C s s"], without: Float[Tensor, "B C s s"], config: Distillation
) -> Float[Tensor, "B C s s"]:
    """Classifier-free guidance (Ho and Salimans 2022), its deviation brought back as far as `rescale` says."""
    both = without + config.guidance * (with_text - without)
    if not config.rescale:
        return both
    scale = with_text.flatten(1).std(1) / both.flatten(1).std(1).clamp_min(1e-6)
    return both * torch.lerp(torch.ones_like(scale), scale, config.rescale)[:, None, None, None]


def draw_times(
    count: int, total: int, config: Distillation, progress: float, random: torch.Generator
) -> Int[Tensor, " B"]:
    """Times spread evenly over the range that is left (Kingma et al. 2021, appendix I: less variance than independent
    ones)."""
    low, high = config.times
    high = high + (min(config.late, high) - high) * progress
    place = (torch.rand(1, generator=random) + torch.arange(count) / count) % 1
    place = place[torch.randperm(count, generator=random)]
    return ((low + (high - low) * place) * total).long().clamp(0, total - 1)


def weigh(alpha: Float[Tensor, "B 1 1 1"], config: Distillation) -> Float[Tensor, "B 1 1 1"]:
    """w(t)."""
    if config.weight == "even":
        return torch.ones_like(alpha)
    return (1 - alpha) * (alpha.sqrt() if config.weight == "signal" else 1)


def _asked(prior: PicturePrior, noisy: Tensor, times: Tensor, words: Words) -> tuple[Tensor, Tensor]:
    return guided(prior, noisy, times, _many(words.wanted, len(noisy)), _many(words.nothing, len(noisy)))


def _bracket(
    prior: PicturePrior,
    noisy: Tensor,
    noise: Tensor,
    times: Tensor,
    words: Words,
    config: Distillation,
    predicted: Tensor,
    with_text: Tensor,
    without: Tensor,
) -> Tensor:
    if config.form == "distil":
        return predicted - noise
    if config.form == "classifier":
        return config.guidance * (with_text - without)
    if config.form == "likelihood":
        return predicted
    unwanted = prior.predict_noise(noisy, times, _many(words.unwanted, len(noisy)))
    late = (times < NOISE_FREE_BELOW * len(prior.alphas_cumprod))[:, None, None, None]
    return torch.where(late, without, without - unwanted) + config.guidance * (with_text - without)


def _denoised(
    prior: PicturePrior, noisy: Tensor, times: Tensor, words: Words, config: Distillation, predicted: Tensor
) -> Tensor:
    """Down from each picture's own time in equal steps (Song et al. 2021, DDIM, eq. 12 without noise)."""
    alphas, x, said = prior.alphas_cumprod, noisy, predicted
    now = alphas[times][:, None, None, None]
    clean = (x - (1 - now).sqrt() * said) / now.sqrt()
    for left in range(config.passes - 1, 0, -1):
        at = times * left // config.passes
        then = alphas[at][:, None, None, None]
        x = then.sqrt() * clean + (1 - then).sqrt() * said
        said = combined(*_asked(prior, x, at, words), config)
        clean = (x - (1 - then).sqrt() * said) / then.sqrt()
    return clean


def _bounded(gradient: Tensor, config: Distillation) -> Tensor:
    if config.normalise:
        gradient = gradient / gradient.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)
    return gradient if config.clamp is None else gradient.clamp(-config.clamp, config.clamp)


def _many(text: Tensor, count: int) -> Tensor:
    return text.expand(count, *text.shape[1:])
