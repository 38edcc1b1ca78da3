# SPDX-License-Identifier: GPL-3.0-or-later
"""What knows how pictures look that a sentence describes: the seam between score distillation and a model of pictures.

A prior is a text-conditioned diffusion model with variance-preserving noise at whole-numbered times:
z_t = sqrt(alpha_t) z + sqrt(1 - alpha_t) noise, where alpha_t is `alphas_cumprod[t]` (Ho et al. 2020, eq. 4). Whatever
it was trained to predict, here it says noise.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .errors import AdaptationError
from .painted import Painter

PRIORS = {
    "studio": "backend.adaptation.studio_prior:load",
    "stable-diffusion": "backend.adaptation.stable_diffusion:load",
}
"""Name -> what loads it; import paths, so that listing them costs nothing."""
DEFAULT_PRIOR = "studio"


@runtime_checkable
class PicturePrior(Protocol):
    """A text-conditioned diffusion model of pictures, without gradients of its own parameters.

    Pictures are square, over white, in [-1, 1], and show a head as `geometry.cameras.orbit` frames it.
    """

    @property
    def name(self) -> str:
        """Its key in `PRIORS`; written into recipes."""
        ...

    @property
    def fingerprint(self) -> str:
        """Names its weights in recipes."""
        ...

    @property
    def side(self) -> int:
        """Of the pictures that `encode` takes and `decode` gives, pixels."""
        ...

    @property
    def device(self) -> torch.device:
        """Where tensors belong."""
        ...

    @property
    def alphas_cumprod(self) -> Float[Tensor, " T"]:
        """Share of the signal's variance at each time, falling, in (0, 1); float32 on `device`."""
        ...

    def text(self, prompts: Sequence[str]) -> Float[Tensor, "B *K"]:
        """What `predict_noise` is told of each sentence; "" stands for no sentence at all."""
        ...

    def encode(self, pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B C s s"]:
        """Pictures in the space that noise is added in (RMS about 1); gradients reach the pictures. A model of pixels
        returns them as they are."""
        ...

    def decode(self, latents: Float[Tensor, "B C s s"]) -> Float[Tensor, "B 3 S S"]:
        """The way back, not cut to [-1, 1]; gradients are not promised."""
        ...

    def predict_noise(
        self, noisy: Float[Tensor, "B C s s"], times: Int[Tensor, " B"], text: Float[Tensor, "B *K"]
    ) -> Float[Tensor, "B C s s"]:
        """The noise in `noisy` at whole-numbered times from 0 to T - 1, given what `text` said; no guidance, no
        gradient, float32."""
        ...


@runtime_checkable
class Paints(Protocol):
    """A prior that knows exactly what some sentences look like."""

    def painter(self, sentence: str) -> Painter | None:
        """What shows people as the sentence wants them; None where there is only an opinion."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorPlace:
    """Where a prior comes from and where it computes."""

    folder: Path | None = None
    """Of files, for those that do not ship."""
    device: str = "cpu"
    """cpu, cuda or cuda:N."""
    half: bool = False
    """Half precision inside, where the prior has it."""


def load_prior(name: str = DEFAULT_PRIOR, place: PriorPlace | None = None) -> PicturePrior:
    """A prior by name. Raises AdaptationError for an unknown name, missing files or missing libraries."""
    if name not in PRIORS:
        raise AdaptationError(f"there is no picture prior {name!r}", f"Choose one of {', '.join(PRIORS)}.")
    module, _, attribute = PRIORS[name].partition(":")
    found = cast(Callable[[PriorPlace], PicturePrior], getattr(import_module(module), attribute))
    return found(place or PriorPlace())


def guided(
    prior: PicturePrior,
    noisy: Float[Tensor, "B C s s"],
    times: Int[Tensor, " B"],
    text: Float[Tensor, "B *K"],
    nothing: Float[Tensor, "B *K"],
) -> tuple[Float[Tensor, "B C s s"], Float[Tensor, "B C s s"]]:
    """Noise as the sentence has it and as no sentence (or one that is not wanted) has it, in one pass."""
    said = prior.predict_noise(noisy.repeat(2, 1, 1, 1), times.repeat(2), torch.cat([text, nothing]))
    with_text, without = said.chunk(2)
    return with_text, without


def noised(
    latents: Float[Tensor, "B C s s"],
    times: Int[Tensor, " B"],
    noise: Float[Tensor, "B C s s"],
    alphas_cumprod: Float[Tensor, " T"],
) -> Float[Tensor, "B C s s"]:
    """Latents with as much noise as their times say (Ho et al. 2020, eq. 4)."""
    alpha = alphas_cumprod[times][:, None, None, None]
    return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
