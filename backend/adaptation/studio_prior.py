# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own model of looks as a picture prior: small, of pixels at half the side, shipped, and at home with heads alone.

It knows the looks of `studio.looks` and studio people's own features in the words of `studio.look_captions`; what else
a sentence says is passed over (`StudioPrior.unknown`).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..diffusion.schedule import alpha_bar
from ..models.look_denoiser import IMAGINED_SCALE, IMAGINED_SIDE, Known, noise_of
from ..training.precision import use_bfloat16
from ..weights.looks import LOOKS, LookModel, load_looks
from ..weights.store import WeightsError, file_hash
from .errors import AdaptationError
from .painted import Painter
from .prior import PriorPlace

TIMES = 1000
"""Whole-numbered times; time t is the schedule's (t + 1) / TIMES."""
SIDE = 64
POOLED = SIDE // IMAGINED_SIDE
"""Noise is added to means of squares of so many pixels a side."""
CLEANEST, NOISIEST = 0.9999, 1e-4
"""Bounds of the signal's share, so that neither part of a noisy picture vanishes."""


class StudioPrior:
    """A `LookModel` that is told nothing but a sentence."""

    name = "studio"
    side = SIDE

    def __init__(self, model: LookModel, fingerprint: str, device: torch.device, half: bool = False) -> None:
        self.model, self.fingerprint, self.device = model.to(device), fingerprint, device
        u = torch.arange(1, TIMES + 1) / TIMES
        shares = alpha_bar(u, model.config.schedule).clamp(NOISIEST, CLEANEST)
        self.alphas_cumprod: Float[Tensor, " T"] = shares.float().to(device)
        # Where the machine has bfloat16 products they are three times faster, and the noise drowns their error.
        self._half = half or (device.type == "cpu" and use_bfloat16())

    @torch.no_grad()
    def text(self, prompts: Sequence[str]) -> Float[Tensor, "B E"]:
        """Sentences read as one vector each."""
        return self.model.network.text(list(prompts)).float()

    def unknown(self, prompt: str) -> list[str]:
        """Words of a sentence that it cannot read."""
        return self.model.network.text.unknown(prompt)

    def painter(self, sentence: str) -> Painter | None:
        """For the looks of `studio.looks` and its edits of colour."""
        return Painter.of(sentence)

    def encode(self, pictures: Float[Tensor, "B 3 S S"]) -> Float[Tensor, "B 3 s s"]:
        """The pictures at half their side: what the model imagines is that small."""
        return functional.avg_pool2d(pictures, POOLED)

    def decode(self, latents: Float[Tensor, "B 3 s s"]) -> Float[Tensor, "B 3 S S"]:
        """The small pictures, enlarged."""
        return functional.interpolate(latents, scale_factor=POOLED, mode="bilinear", align_corners=False)

    @torch.no_grad()
    def predict_noise(
        self, noisy: Float[Tensor, "B 3 s s"], times: Int[Tensor, " B"], text: Float[Tensor, "B E"]
    ) -> Float[Tensor, "B 3 s s"]:
        """What is left of the noisy picture without the clean one that the network sees in it."""
        sigma = (1 - self.alphas_cumprod[times.to(self.device)]).sqrt()
        nothing = Known.nothing(len(noisy), noisy.shape[-1], IMAGINED_SCALE).to(self.device)
        with self._cast():
            clean = self.model.network(noisy, sigma, text, nothing)
        return noise_of(noisy.float(), sigma, clean.float())

    def _cast(self) -> AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16) if self._half else nullcontext()


def load(place: PriorPlace) -> StudioPrior:
    """The shipped model, or `looks.safetensors` of a folder. Raises AdaptationError if it cannot be read."""
    path = LOOKS if place.folder is None else place.folder / LOOKS.name
    try:
        model = load_looks(path)
    except WeightsError as error:
        raise AdaptationError(error.message, error.hint) from error
    return StudioPrior(model, file_hash(path), torch.device(place.device), place.half)
