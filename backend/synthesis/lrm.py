# SPDX-License-Identifier: GPL-3.0-or-later
"""Converted TripoSR models as generators: a portrait becomes planes in one pass, a density and its surface."""

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..geometry.alignment import MEAN_FACE, face_square
from ..geometry.feature_planes import FeaturePlanes
from ..geometry.grid_field import GridField
from ..models.lrm import Lrm
from ..weights.converted import load_lrm
from ..weights.library import Entry
from .base import Condition, Progress, Sample
from .densities import distances
from .source import Source, SourceError

FILLED = 0.85
"""Share of the picture that its subject takes, and the grey around it, as the model was trained."""
GREY = 0.5
HALF_VIEW = (1.9 - 0.15) * math.tan(math.radians(20))
"""Half of what the model's camera sees at the face, in its box: distance 1.9, opening 40 degrees."""
SIDE = 161
"""Nodes along the box on which the density is asked for its surface."""
STAGE = "sample"
FIXED_NOTE = "avatars of this model cannot be edited or blended"


@dataclass(frozen=True, slots=True)
class Framing:
    """How the picture that the model sees lies in our box: its frame is +X to the viewer, +Y right, +Z up."""

    scale: float
    """Our lengths over theirs."""
    shift: tuple[float, float]
    """Where the middle of the picture is in our box, right and up, seen by the camera."""
    azimuth: float
    """From which the portrait was taken, radians."""

    def to_theirs(self, points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
        """Points of our box in theirs."""
        sine, cosine = math.sin(self.azimuth), math.cos(self.azimuth)
        x, y, z = points.unbind(-1)
        right, towards = cosine * x - sine * z, sine * x + cosine * z
        return torch.stack([towards, right - self.shift[0], y - self.shift[1]], -1) / self.scale


class ConvertedLrm:
    """One of the user's converted models."""

    inputs = ("portrait",)

    def __init__(
        self, model: Lrm, name: str, model_hash: str, device: torch.device, side: int | None = None, note: str = ""
    ) -> None:
        self.model, self.name, self.model_hash, self.device = model.to(device), name, model_hash, device
        self.side, self.notes = side or SIDE, (note,) if note else ()

    @classmethod
    def open(cls, entry: Entry, device: torch.device) -> "ConvertedLrm":
        """Read a model of the user's folder. Raises WeightsError."""
        return cls(load_lrm(entry), entry.name, entry.model_hash, device, note=entry.note)

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        """The head in a portrait; the same each time.

        Raises SourceError for what this kind of model cannot do.
        """
        if condition.portrait is None or condition.matte is None or condition.sentence is not None:
            raise SourceError(
                f"the model {self.name} makes people from a portrait alone, and only new ones", "Give a photograph."
            )
        picture, framing = framed(condition.portrait, condition.matte, condition.pose, self.model.config.picture)
        planes = yield from self._planes(picture)

        def level(points: Float[Tensor, "N 3"]) -> Float[Tensor, " N"]:
            theirs = framing.to_theirs(points)
            raw = self.model.decode(planes.sample(theirs[None]))[1][0, :, 0]
            # The logarithm has its 0 where the density meets the threshold, and gentler slopes.
            depth = torch.log(self.model.density(raw).clamp_min(1e-9)) - math.log(self.model.config.threshold)
            return torch.where((theirs.abs() > planes.half).any(-1), -1e3, depth)

        def colour(points: Float[Tensor, "N 3"]) -> Float[Tensor, "N 3"]:
            return self.model.decode(planes.sample(framing.to_theirs(points)[None]))[0][0]

        grid = yield from distances(level, self.side, self.device, STAGE, begin=0.5)
        # A seed and a latent make no such head: only its portrait does.
        source = Source(np.zeros((1, 1, 1), np.float16), np.zeros(1, np.float16), self.model_hash, condition.seed)
        return Sample(GridField(grid, colour), source, (*self.notes, FIXED_NOTE))

    def _planes(self, picture: Float[Tensor, "1 3 S S"]) -> Generator[Progress, None, FeaturePlanes]:
        steps = self.model.steps(picture.to(self.device))
        while True:
            with torch.inference_mode():  # not across the yield: the caller's torch is its own
                step = next(steps)
            if isinstance(step, FeaturePlanes):
                return step
            yield Progress(STAGE, 0.5 * step / self.model.config.layers)


def framed(
    portrait: np.ndarray, matte: np.ndarray, pose: tuple[float, float] | None, size: int
) -> tuple[Float[Tensor, "1 3 S S"], Framing]:
    """The aligned portrait as the model wants it, subject in the middle on grey, and where that lies in our box.

    Raises SourceError if nobody is in the picture.
    """
    rows, columns = np.nonzero(matte > 0.1)
    if len(rows) < 2:
        raise SourceError("the portrait shows nobody", "Choose another photograph.")
    side = len(portrait)
    top, left = int(rows.min()), int(columns.min())
    tall, wide = int(rows.max()) + 1 - top, int(columns.max()) + 1 - left
    whole = round(max(tall, wide) / FILLED)
    canvas = np.full((whole, whole, 3), GREY, np.float32)
    cover = matte[top : top + tall, left : left + wide, None].astype(np.float32)
    subject = portrait[top : top + tall, left : left + wide].astype(np.float32) / 255
    y, x = (whole - tall) // 2, (whole - wide) // 2
    canvas[y : y + tall, x : x + wide] = subject * cover + GREY * (1 - cover)
    picture = torch.from_numpy(canvas).permute(2, 0, 1)[None]
    picture = functional.interpolate(picture, (size, size), mode="bilinear", align_corners=False, antialias=True)
    centre, half_axis, _ = face_square(*(MEAN_FACE[:, :2] * (1, -1)))
    half = float(np.hypot(*half_axis))
    right = ((left - x + whole / 2) / side * 2 - 1) * half + float(centre[0])
    down = ((top - y + whole / 2) / side * 2 - 1) * half + float(centre[1])
    framing = Framing(half * whole / side / HALF_VIEW, (right, -down), pose[0] if pose else 0.0)
    return picture, framing
