# SPDX-License-Identifier: GPL-3.0-or-later
"""Fitted planes of many people, read from disk as they are needed: what the papers' diffusion models learn to make."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from ..geometry.triplane import roll, unroll
from ..models.decoder import DecoderConfig
from ..studio.dataset import DatasetError
from .replay_results import load_shared
from .stage2 import fitted_path, load_fitted
from .starts import adapted_decoder, adapted_planes
from .subjects import Subjects
from .views import ViewSet

MEASURED = 256
"""People from whom mean and deviation are taken."""
SPREAD = 3.0
"""So many deviations are 1: planes are bounded, as the papers' are, at little loss."""
PORTRAIT_ROWS, PORTRAIT_COLUMNS = (0.0, 0.75), (0.125, 0.875)
"""Share of a frontal view, from the top and from the left, that an aligned portrait shows."""


class PlaneSet:
    """The people of a run of `maquette fit --method replay`, with their planes at one size and their pictures.

    People who were fitted at another resolution are resampled, and channels that their decoder does not know are
    constant noise that it does not hear: a model of any size can be tried on any fit.
    """

    def __init__(
        self, run: Path, channels: int | None = None, size: int | None = None, subjects: Path | None = None
    ) -> None:
        """Raises DatasetError if the folder holds no finished fits, or none with pictures."""
        shared = load_shared(run)
        fitted = run / "fitted" / "index.json"
        if not fitted.exists():
            raise DatasetError(f"{run} holds no people fitted alone", "Let maquette fit --method replay finish.")
        place = subjects or next((p for p in (run / "subjects", run.parent / "subjects") if p.is_dir()), None)
        if place is None:
            raise DatasetError(f"the pictures of the people of {run} are not there", "Name their folder: subjects.")
        self.subjects, self.folder = Subjects(place), run / "fitted"
        self.names = sorted(set(json.loads(fitted.read_text(encoding="utf-8"))) & set(self.subjects.names))
        if not self.names:
            raise DatasetError(f"no one in {run} has both planes and pictures", "Fit the people of this folder.")
        stored = shared.decoder.config
        self.channels, self.size = channels or stored.channels, size or shared.mean.shape[-1]
        config = DecoderConfig(channels=self.channels, hidden=stored.hidden, beta=stored.beta)
        self.decoder = adapted_decoder(shared.decoder, config, torch.Generator().manual_seed(0))
        self.decoder.eval().requires_grad_(False)
        self.mean, self.deviation = self._standard()

    def __len__(self) -> int:
        return len(self.names)

    def draw(self, count: int, random: torch.Generator) -> list[str]:
        """Names at random."""
        return [self.names[int(index)] for index in torch.randint(len(self), (count,), generator=random)]

    def fitted(self, name: str) -> Float[Tensor, "3 C R R"]:
        """A person's planes as they were fitted, at this set's size."""
        planes, _ = load_fitted(fitted_path(self.folder, name))
        return adapted_planes(planes.float(), self.channels, self.size)

    def standard(self, names: Sequence[str]) -> Float[Tensor, "B C R W"]:
        """Rolled-out planes less the mean, in [-1, 1]."""
        planes = roll(torch.stack([self.fitted(name) for name in names]))
        return ((planes - self.mean) / (SPREAD * self.deviation)).clamp(-1, 1)

    def planes(self, standard: Float[Tensor, "B C R W"]) -> Float[Tensor, "B 3 C R R"]:
        """What the decoder takes, from standard planes."""
        device = standard.device
        return unroll(standard.float() * (SPREAD * self.deviation.to(device)) + self.mean.to(device))

    def views(self, name: str) -> ViewSet:
        """Pictures of a person from all around.

        Raises DatasetError if there are none.
        """
        views = self.subjects.load(name).views
        if views is None:
            raise DatasetError(f"person {name} has no pictures", "Fit people with their views.")
        return views

    def portraits(self, names: Sequence[str], size: int = 256) -> Float[Tensor, "B 4 S S"]:
        """The most frontal picture of each, cut as portraits are: colour over white in [-1, 1], matte in [-1, 1]."""
        return torch.cat([portrait(self.views(name), size) for name in names])

    def _standard(self) -> tuple[Float[Tensor, "C R W"], Float[Tensor, "C 1 1"]]:
        path = self.folder / f"standard_{self.channels}_{self.size}.safetensors"
        if path.exists():
            stored = load_file(path)
            return stored["mean"], stored["deviation"]
        chosen = self.names[:: max(1, len(self.names) // MEASURED)]
        first = roll(self.fitted(chosen[0])[None])[0]
        total, square = torch.zeros_like(first), torch.zeros_like(first)
        for name in chosen:
            planes = roll(self.fitted(name)[None])[0]
            total += planes
            square += (planes - first).square()  # shifted, or squares of a large mean would swallow the variance
        mean = total / len(chosen)
        variance = square / len(chosen) - (mean - first).square()
        deviation = variance.mean((1, 2), keepdim=True).clamp(min=0).sqrt()
        # A channel in which people do not differ, as those that the decoder does not hear: zero, not zero by zero.
        deviation = deviation.clamp(min=1e-4)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        save_file({"mean": mean.contiguous(), "deviation": deviation.contiguous()}, unfinished)
        unfinished.replace(path)
        return mean, deviation


def portrait(views: ViewSet, size: int) -> Float[Tensor, "1 4 S S"]:
    """The view that looks most along -Z, cut as portraits are, colour over white and matte in [-1, 1]."""
    forward = views.cameras.cam_to_world[:, 2, 2]  # z of the direction in which each camera looks
    index = int(forward.argmin())
    picture = torch.cat([views.rgb[index], views.alpha[index][..., None]], -1).permute(2, 0, 1)[None]
    height, width = picture.shape[2:]
    (top, bottom), (left, right) = (
        (int(share * side) for share in shares) for shares, side in ((PORTRAIT_ROWS, height), (PORTRAIT_COLUMNS, width))
    )
    cut = picture[:, :, top:bottom, left:right]
    resized = functional.interpolate(cut, (size, size), mode="bicubic", align_corners=False, antialias=True)
    return resized.clamp(0, 1) * 2 - 1
