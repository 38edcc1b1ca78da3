# SPDX-License-Identifier: GPL-3.0-or-later
"""Large views of many people in memory, drawn in parts and at the scales at which a refiner of textures meets them."""

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
SCALES = (0.5, 0.75, 1.0)
"""Pixels of what is shown over those of the stored view: as a refiner's first pass sees a head, and nearer."""
SCALE_SHARES = (0.5, 0.15, 0.35)
LEAST_SHOWN, DRAWS = 0.25, 8
"""Share of a part that the head must cover; of so many draws the first that does."""


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
        self._middles = [_middle(shard) for shard in self._shards]
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
            scale = SCALES[int(torch.multinomial(torch.tensor(SCALE_SHARES), 1, generator=random))]
            each = _shrunk(self._part(person, view, min(round(side / scale), self.side), random), side)
            chosen.append(_mirrored(each) if torch.rand(1, generator=random) < 0.5 else each)
            some = int(torch.randint(self.z.shape[1], (1,), generator=random))
            if torch.rand(1, generator=random) >= NOBODY:
                chosen[-1].z.copy_(self.z[person, some])
        return _joined(chosen)

    def whole(self, person: int, view: int) -> HeadViews:
        """One stored view; z is left zero."""
        return self._cut(person, view, slice(None), slice(None))

    def _part(self, person: int, view: int, window: int, random: torch.Generator) -> HeadViews:
        shard, row = self._where[person]
        coverage = self._shards[shard]["surround_rgba"][row, view, :, :, 3]
        for _ in range(DRAWS):
            top, left = (int(torch.randint(self.side - window + 1, (1,), generator=random)) for _ in range(2))
            rows, columns = slice(top, top + window), slice(left, left + window)
            if coverage[rows, columns].mean() >= 255 * LEAST_SHOWN:
                break
        return self._cut(person, view, rows, columns)

    def _cut(self, person: int, view: int, rows: slice, columns: slice) -> HeadViews:
        shard, row = self._where[person]
        arrays = self._shards[shard]

        def cut(name: str) -> Tensor:
            return torch.from_numpy(arrays[f"surround_{name}"][row, view, rows, columns])

        rgba = cut("rgba").permute(2, 0, 1).float() / 255
        shown = rgba[3:]
        depth = (cut("depth").float() - float(self._middles[shard][row, view])) * (shown[0] > 0.5)
        angles = torch.from_numpy(arrays["surround_angles"][row, view].copy())[None]
        return HeadViews(
            (rgba[:3] + 1 - shown)[None], shown[None], cut("normal").permute(2, 0, 1).float()[None] / 127,
            depth[None, None], angles, torch.zeros(1, self.z.shape[2]),
        )  # fmt: skip


def _middle(shard: dict[str, np.ndarray]) -> Float[np.ndarray, "N V"]:
    """Mean depth of what each view shows."""
    shown = shard["surround_rgba"][..., 3] > 127
    depth = np.where(shown, shard["surround_depth"], 0)
    return depth.sum((2, 3), dtype=np.float32) / np.maximum(shown.sum((2, 3)), 1)


def _shrunk(views: HeadViews, side: int) -> HeadViews:
    if views.picture.shape[-1] == side:
        return views
    pictures = (views.picture, views.shown, views.normal, views.depth)
    small = [functional.interpolate(each, (side, side), mode="area") for each in pictures]
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
