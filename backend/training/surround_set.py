# SPDX-License-Identifier: GPL-3.0-or-later
"""Large views of many people in memory, drawn as pictures that a refiner of textures meets: whole heads and parts."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..models.embedding import JointEmbedding
from ..studio.captions import paraphrase
from ..studio.dataset import DatasetError, shard_files
from .portrait_set import PortraitSet

VISITS = 6
"""Photographs, and as many sentences, by which each person is known."""
FRONT = 2.0
"""How much more often than another the first view is drawn, which shows the face."""
NOBODY = 0.3
"""Share of visits that do not say who the person is."""
PARTS = (1.0, 0.75, 0.5)
"""Side of what is shown over the side of the stored view: the whole head, or parts of it nearer and nearer."""
PART_SHARES = (0.45, 0.2, 0.35)
LEAST_SHOWN = 0.35
"""Share of a part that the head must cover; of several draws the first that does."""


@dataclass(frozen=True, slots=True)
class HeadViews:
    """True views and what is known of them."""

    picture: Float[Tensor, "B 3 H W"]
    """sRGB albedo over white, in [0, 1]."""
    shown: Float[Tensor, "B 1 H W"]
    """Coverage by the head."""
    normal: Float[Tensor, "B 3 H W"]
    """In the camera's frame, 0 off the head."""
    depth: Float[Tensor, "B 1 H W"]
    """Along the optical axis beyond the mean of the whole view, box units; 0 off the head."""
    angles: Float[Tensor, "B 2"]
    """Azimuth and elevation, radians."""
    z: Float[Tensor, "B Z"]
    """Of a photograph or a sentence, or zeros."""


class SurroundSet:
    """Everybody of a folder of `studio.surround` shards."""

    def __init__(self, folder: Path, embedding: JointEmbedding, training: bool = True) -> None:
        """Raises DatasetError if the folder holds none."""
        self._shards: list[dict[str, np.ndarray]] = []
        self._where: list[tuple[int, int]] = []
        self.records: list[dict] = []
        """Parameters and caption of each person."""
        names = ("surround_rgba", "surround_normal", "surround_depth", "surround_angles")
        for path in shard_files(folder, training):
            with np.load(path, allow_pickle=False) as stored:
                if missing := set(names) - set(stored.files):
                    raise DatasetError(
                        f"{path} has no {sorted(missing)[0]}", f"Make views: maquette studio views --out {folder}"
                    )
                self._shards.append({name: stored[name] for name in names})
                people = json.loads(stored["header"].tobytes())["people"]
            self._where += [(len(self._shards) - 1, row) for row in range(len(people))]
            self.records += people
        self.views, self.side = self._shards[0]["surround_rgba"].shape[1:3]
        self.z = _known_by(PortraitSet(folder, embedding.config.portrait.image_size, training), self.records, embedding)
        """[N, 2 VISITS, Z]: by photographs, then by sentences."""

    def __len__(self) -> int:
        return len(self._where)

    def draw(self, count: int, side: int, random: torch.Generator) -> HeadViews:
        """Views or parts of views of anybody, half of them mirrored."""
        chosen = []
        for _ in range(count):
            person = int(torch.randint(len(self), (1,), generator=random))
            often = torch.tensor([FRONT, *[1.0] * (self.views - 1)])
            view = int(torch.multinomial(often, 1, generator=random))
            part = PARTS[int(torch.multinomial(torch.tensor(PART_SHARES), 1, generator=random))]
            each = self._part(self.whole(person, view), part, side, random)
            chosen.append(_mirrored(each) if torch.rand(1, generator=random) < 0.5 else each)
            some = int(torch.randint(self.z.shape[1], (1,), generator=random))
            if torch.rand(1, generator=random) >= NOBODY:
                chosen[-1].z.copy_(self.z[person, some])
        return _joined(chosen)

    def whole(self, person: int, view: int) -> HeadViews:
        """One stored view; z is left zero."""
        shard, row = self._where[person]
        arrays = {name.removeprefix("surround_"): torch.from_numpy(value[row, view])
                  for name, value in self._shards[shard].items()}  # fmt: skip
        rgba = arrays["rgba"].permute(2, 0, 1).float() / 255
        shown, depth = rgba[3:], arrays["depth"].float()[None]
        solid = (shown > 0.5).float()
        middle = (depth * solid).sum() / solid.sum().clamp(min=1)
        return HeadViews(
            (rgba[:3] + 1 - shown)[None], shown[None], arrays["normal"].permute(2, 0, 1).float()[None] / 127,
            ((depth - middle) * solid)[None], arrays["angles"][None].clone(), torch.zeros(1, self.z.shape[2]),
        )  # fmt: skip

    def _part(self, views: HeadViews, part: float, side: int, random: torch.Generator) -> HeadViews:
        window = round(part * self.side)
        for _ in range(8):
            top, left = (int(torch.randint(self.side - window + 1, (1,), generator=random)) for _ in range(2))
            where = (..., slice(top, top + window), slice(left, left + window))
            if views.shown[where].mean() >= LEAST_SHOWN:
                break
        pictures = (views.picture, views.shown, views.normal, views.depth)
        small = [functional.interpolate(each[where], (side, side), mode="area") for each in pictures]
        return HeadViews(small[0], small[1], small[2], small[3], views.angles, views.z)


def _mirrored(views: HeadViews) -> HeadViews:
    sideways = torch.tensor([-1.0, 1, 1])[:, None, None]
    return HeadViews(
        views.picture.flip(3), views.shown.flip(3), views.normal.flip(3) * sideways, views.depth.flip(3),
        views.angles * torch.tensor([-1.0, 1]), views.z,
    )  # fmt: skip


def _joined(views: list[HeadViews]) -> HeadViews:
    def join(name: str) -> Tensor:
        return torch.cat([getattr(each, name) for each in views])

    return HeadViews(*(join(name) for name in ("picture", "shown", "normal", "depth", "angles", "z")))


@torch.inference_mode()
def _known_by(portraits: PortraitSet, records: list[dict], embedding: JointEmbedding) -> Float[Tensor, "N K Z"]:
    """By what vectors each person is known; always the same ones."""
    random, words = torch.Generator().manual_seed(0), np.random.default_rng(0)
    everybody: Int[Tensor, " N"] = torch.arange(len(records))
    seen = []
    for visit in range(VISITS):
        pictures, _ = portraits.draw(everybody, random, plain=float(visit % 2))
        seen.append(torch.cat([embedding.image(part).float() for part in pictures.split(64)]))
    said = [embedding.text([paraphrase(record, words) for record in records]).float() for _ in range(VISITS)]
    return torch.stack(seen + said, 1).clone()
