# SPDX-License-Identifier: GPL-3.0-or-later
"""Converted EG3D and PanoHead models as generators: a seed becomes styles, planes, a density and its surface."""

from collections.abc import Generator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera
from ..geometry.feature_planes import FeaturePlanes
from ..geometry.grid_field import Colour, GridField
from ..models.plane_gan import PlaneGan, usual_camera
from ..weights.converted import load_gan
from ..weights.library import Entry
from .base import Condition, Progress, Sample
from .densities import Level, distances
from .source import Source, SourceError

TRUNCATION, CUTOFF = 0.7, 14
"""How far styles keep their distance from the mean, and up to which layer, as the published programs show samples."""
SIDE = 193
"""Nodes along the box on which the density is asked for its surface."""
PREVIEW_SIDE, PREVIEW_SIZE = 48, 192
STAGE = "sample"
HEAD = (1.67, (0.0, 0.175, 0.075))
"""Scale and shift from the box of heads aligned as EG3D's pictures are (a mean face model of camera distance 10, times
0.27) to ours: eyes and mouth of both mean faces meet within 0.02."""


class ConvertedGan:
    """One of the user's converted models."""

    inputs = ("seed",)

    def __init__(
        self, model: PlaneGan, name: str, model_hash: str, device: torch.device, side: int | None = None, note: str = ""
    ) -> None:
        self.model, self.name, self.model_hash, self.device = model.to(device), name, model_hash, device
        self.side, self.notes = side or SIDE, (note,) if note else ()

    @classmethod
    def open(cls, entry: Entry, device: torch.device) -> "ConvertedGan":
        """Read a model of the user's folder. Raises WeightsError."""
        return cls(load_gan(entry), entry.name, entry.model_hash, device, note=entry.note)

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        """A new head from a seed, or the mean of several heads' styles.

        Raises SourceError for what this kind of model cannot do.
        """
        if condition.portrait is not None or condition.sentence is not None or condition.edit is not None:
            raise SourceError(f"the model {self.name} makes people from seeds only", "Use maquette's own generator.")
        source = self._blended(condition) if condition.blend else self._drawn(condition)
        yield Progress(STAGE, 0.02)
        styles = torch.from_numpy(source.latent[0].astype(np.float32)).to(self.device)[None]
        with torch.inference_mode():
            planes = self.model.planes(styles)
        yield Progress(STAGE, 0.2, self._preview(styles))
        level = self._level(planes)
        grid = yield from distances(level, self.side, self.device, STAGE, begin=0.2)
        return Sample(GridField(grid, self._colour(planes, styles[:, -1])), source, self.notes)

    def _drawn(self, condition: Condition) -> Source:
        draw = torch.Generator().manual_seed(condition.seed)
        z = torch.randn(1, self.model.config.mapping.z, generator=draw).to(self.device)
        strength = TRUNCATION if condition.temperature is None else condition.temperature
        with torch.inference_mode():
            styles = self.model.styles(z, None, strength, CUTOFF)
        return self._source(styles, z[0].cpu().numpy(), condition.seed)

    def _blended(self, condition: Condition) -> Source:
        shape = (1, self.model.config.synthesis.styles, self.model.config.mapping.w)
        total = sum(weight for _, weight in condition.blend)
        for source, _ in condition.blend:
            if source.model_hash != self.model_hash or source.latent.shape != shape:
                raise SourceError(f"this avatar was not made by the model {self.name}", "Generate it again.")
        latent = sum(source.latent.astype(np.float64) * (weight / total) for source, weight in condition.blend)
        first = condition.blend[0][0]
        return Source(np.asarray(latent, np.float16), first.embedding, self.model_hash, first.seed)

    def _source(self, styles: Float[Tensor, "1 K W"], z: Float[np.ndarray, " Z"], seed: int) -> Source:
        return Source(styles.cpu().numpy().astype(np.float16), z.astype(np.float16), self.model_hash, seed)

    def _level(self, planes: FeaturePlanes) -> Level:
        config = self.model.config
        inner = planes.half * (1 - 2 * config.trim)

        def level(points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
            theirs = _to_theirs(points)
            raw = self.model.decoder(planes.sample(theirs[None]))[1][0, :, 0] - config.level
            return torch.where((theirs.abs() > inner).any(-1), -1e3, raw)

        return level

    def _colour(self, planes: FeaturePlanes, style: Float[Tensor, "1 W"]) -> Colour:
        with torch.inference_mode():
            matrix, shift = self.model.colour_matrix(style)

        def colour(points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
            features, _ = self.model.decoder(planes.sample(_to_theirs(points)[None]))
            return features[0] @ matrix.T + shift

        return colour

    def _preview(self, styles: Float[Tensor, "1 K W"]) -> np.ndarray:
        camera = usual_camera(self.model.config)
        with torch.inference_mode():
            seen = Camera(camera.cam_to_world[None], camera.intrinsics[None])
            picture = self.model(styles, seen, PREVIEW_SIDE)
            large = functional.interpolate(picture.raw, (PREVIEW_SIZE, PREVIEW_SIZE), mode="bicubic")
        shown: np.ndarray = (large[0].clamp(-1, 1) * 127.5 + 127.5).byte().permute(1, 2, 0).cpu().numpy()
        return shown


def _to_theirs(points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
    scale, shift = HEAD
    return (points - points.new_tensor(shift)) / scale
