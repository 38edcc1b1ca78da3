# SPDX-License-Identifier: GPL-3.0-or-later
"""SDF GANs that the user has trained: a seed becomes styles, styles become planes, planes a surface.

People can be truncated towards the mean, interpolated, and mixed by layers: the coarse ones decide shape, the fine ones
colour. A portrait is inverted: see `gan_inversion`.
"""

from collections.abc import Callable, Generator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..geometry.cameras import orbit
from ..geometry.grid_field import GridField
from ..geometry.sampling import TwoPass
from ..geometry.volume import volume_render
from ..models.portrait_encoder import PortraitEncoder
from ..models.sdf_gan import SdfGan, SdfVolume, camera_label
from ..weights import store
from ..weights.library import Entry
from ..weights.sdf_gan import TrainedSdfGan, load_sdf_gan
from .base import Condition, Progress, Sample
from .densities import distances
from .gan_inversion import Inversion, invert
from .source import Source, SourceError

TRUNCATION = 0.7
"""As the published pictures have it."""
LEAST_SIDE, MOST_SIDE = 97, 193
"""Nodes along the box on which the distance is asked for its surface: one more than the planes have texels, within
these."""
STAGE = "sample"
PREVIEW_SIZE = 96
INVERSION_STEPS = 200
"""For a portrait, where no number is told."""
UNTUNED = "changes and blends of this avatar start from its likeness before the generator was tuned to the portrait"


class SdfGanSynthesizer:
    """One of the user's models."""

    inputs = ("portrait", "seed")

    def __init__(
        self,
        model: TrainedSdfGan,
        name: str,
        model_hash: str,
        device: torch.device,
        side: int | None = None,
        eye: Callable[[], PortraitEncoder] | None = None,
        inversion: Inversion | None = None,
    ) -> None:
        """`eye` gives the network by which pictures are compared; the shipped generator's own unless told."""
        self.model, self.name, self.model_hash, self.device = model.to(device), name, model_hash, device
        self.side = side or min(max(model.config.generator.side + 1, LEAST_SIDE), MOST_SIDE)
        self._eye, self._inversion = eye or _shipped_eye, inversion or Inversion()

    @classmethod
    def open(cls, entry: Entry, device: torch.device) -> "SdfGanSynthesizer":
        """Read a model of the user's folder. Raises WeightsError."""
        return cls(load_sdf_gan(entry), entry.name, entry.model_hash, device)

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        """A new head from a seed or a portrait, or several heads' styles averaged or mixed by layers.

        Raises SourceError for what this kind of model cannot do.
        """
        if condition.sentence is not None or condition.edit is not None:
            raise SourceError(
                f"the model {self.name} understands no sentences", "Give it a portrait or a seed, or use rodin."
            )
        generator, begin = self.model.generator, 0.02
        notes: tuple[str, ...] = ()
        if condition.blend:
            styles, source = self._blended(condition)
        elif condition.portrait is not None and condition.matte is not None:
            found = yield from invert(
                generator, self._eye().to(self.device), condition.portrait, condition.matte, condition.pose,
                condition.invert or INVERSION_STEPS, self._inversion, condition.seed,
            )  # fmt: skip
            styles, generator, notes, begin = found.styles, found.generator, (UNTUNED,), 0.9
            source = self._source(styles, condition.seed)
        else:
            styles = self._drawn(condition)
            source = self._source(styles, condition.seed)
        yield Progress(STAGE, begin)
        volume = _volume(generator, styles)
        yield Progress(STAGE, begin + 0.02, _preview(volume))
        level: Callable[[Tensor], Tensor] = lambda points: -volume.sdf(points)  # noqa: E731
        grid = yield from distances(level, self.side, self.device, STAGE, begin=begin + 0.02, linear=True)
        return Sample(GridField(grid, volume.rgb), source, notes)

    def _drawn(self, condition: Condition) -> Float[Tensor, "1 K W"]:
        draw = torch.Generator().manual_seed(condition.seed)
        config = self.model.config.generator.mapping
        z = torch.randn(1, config.z, generator=draw).to(self.device)
        label = camera_label(orbit(0.0)).to(self.device) if config.labels else None
        truncation = TRUNCATION if condition.temperature is None else condition.temperature
        with torch.no_grad():
            return self.model.generator.styles(z, label, truncation)

    def _blended(self, condition: Condition) -> tuple[Float[Tensor, "1 K W"], Source]:
        config = self.model.config.generator
        shape = (1, config.styles, config.mapping.w)
        for source, _ in condition.blend:
            if source.model_hash != self.model_hash or source.latent.shape != shape:
                raise SourceError(f"this avatar was not made by the model {self.name}", "Generate it again.")
        latents = [source.latent.astype(np.float32) for source, _ in condition.blend]
        if condition.layers is None:
            total = sum(weight for _, weight in condition.blend)
            latent = sum(each * (weight / total) for each, (_, weight) in zip(latents, condition.blend, strict=True))
        elif len(latents) != 2:
            raise SourceError(f"layers are mixed of two avatars, got {len(latents)}", "Name two, coarse layers first.")
        else:
            cut = round(condition.layers * config.styles)
            latent = np.concatenate([latents[0][:, :cut], latents[1][:, cut:]], 1)
        styles = torch.from_numpy(np.asarray(latent, np.float32)).to(self.device)
        return styles, self._source(styles, condition.blend[0][0].seed)

    def _source(self, styles: Float[Tensor, "1 K W"], seed: int) -> Source:
        latent = styles.detach().cpu().numpy().astype(np.float16)
        return Source(latent, latent[0, 0], self.model_hash, seed)


def _volume(generator: SdfGan, styles: Float[Tensor, "1 K W"]) -> SdfVolume:
    with torch.no_grad():
        return generator.volume(generator.planes(styles))


@torch.no_grad()
def _preview(volume: SdfVolume) -> np.ndarray:
    view = volume_render(volume, orbit(0.25, 0.05), PREVIEW_SIZE, PREVIEW_SIZE, TwoPass(32, 32), background=0.9)
    shown: np.ndarray = (view.rgb.clamp(0, 1) * 255).round().byte().cpu().numpy()
    return shown


def _shipped_eye() -> PortraitEncoder:
    return store.load().embedding.portrait_encoder
