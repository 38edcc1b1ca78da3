# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of many people in memory, drawn in any look, whole and in parts, with a sentence and with what a refiner of
textures would know of them."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from ..models.look_denoiser import Known, guide_of, scale_of, towards
from ..studio.dataset import DatasetError, shard_files
from ..studio.look_captions import caption
from ..studio.looks import EDITS, LOOKS, paint, recolour
from ..studio.shading import DISTANCE, Seen, seen
from ..studio.sittings import sitting_camera
from .view_wear import HeadViews, wear

MOST = 512
"""People who are held in memory, 3.3 MB each."""
WHOLE = 0.35
"""Share of a refiner's draws that show a whole bust or head; the others show parts at finer scales."""
PHOTOGRAPHS, RECOLOURED = 0.22, 0.16
"""Shares of draws that show a person as he or she is, or with one thing recoloured; the others are evenly spread over
all other looks."""
TRANSLATED = 0.6
"""Share of refiner's draws whose present picture is the photograph, whatever the look."""
SPOKEN = 0.5
"""Share of the others that come with a sentence."""
MUTE = 0.08
"""Share of draws without a sentence where one would be given: what guidance leans on (Ho and Salimans 2022)."""
STORED = ("rgba", "normal", "depth", "part")
LEAST_SHOWN, TRIES = 0.3, 6
"""Share of a part that the head must cover; of so many tries the first that does."""


@dataclass(frozen=True, slots=True)
class LookBatch:
    """True pictures and what is known of them."""

    picture: Float[Tensor, "B 3 S S"]
    """sRGB over white, in [0, 1]."""
    shown: Float[Tensor, "B 1 S S"]
    """Coverage by the head."""
    sentences: list[str]
    """"" where nothing is said."""
    known: Known


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a draw shall show."""

    look: str
    edit: tuple[str, str] | None


class LookSet:
    """People of a folder of `studio.sittings` shards."""

    def __init__(self, folder: Path, training: bool = True, most: int = MOST) -> None:
        """Raises DatasetError if the folder holds none."""
        self._shards: list[dict[str, np.ndarray]] = []
        self._where: list[tuple[int, int]] = []
        self.records: list[dict] = []
        """Parameters and caption of each person."""
        names = [
            f"{kind}_{name}" for kind in ("bust", "head") for name in ("rgba", "normal", "depth", "part", "camera")
        ]
        for path in shard_files(folder, training):
            if len(self.records) >= most:
                break
            with np.load(path, allow_pickle=False) as stored:
                if missing := set(names) - set(stored.files):
                    raise DatasetError(
                        f"{path} has no {sorted(missing)[0]}", f"Make sittings: maquette studio sittings --out {folder}"
                    )
                self._shards.append({name: stored[name] for name in names})
                people = json.loads(stored["header"].tobytes())["people"]
            self._where += [(len(self._shards) - 1, row) for row in range(len(people))]
            self.records += people

    def __len__(self) -> int:
        return len(self._where)

    def imagined(self, count: int, side: int, random: torch.Generator) -> LookBatch:
        """Whole heads of anybody, in any look, from anywhere, of which nothing but a sentence is known."""
        return _joined([self._one(side, random, alone=True) for _ in range(count)])

    def repainted(self, count: int, side: int, random: torch.Generator) -> LookBatch:
        """Heads and parts of them, as a refiner meets them."""
        return _joined([self._one(side, random, alone=False) for _ in range(count)])

    def labelled(
        self, count: int, side: int, random: torch.Generator
    ) -> tuple[Float[Tensor, "B 3 S S"], Int[Tensor, " B"]]:
        """Whole heads in [0, 1] and which of `LOOKS` they are in, all equally often."""
        labels = torch.randint(len(LOOKS), (count,), generator=random)
        pictures = []
        for label in labels.tolist():
            view, _, _ = self._whole(side, random)
            view = mirrored(view) if _chance(random) < 0.5 else view
            pictures.append(paint(view, LOOKS[label].name, _below(1 << 30, random)))
        return torch.stack(pictures), labels

    def parted(
        self, count: int, side: int, random: torch.Generator
    ) -> tuple[Float[Tensor, "B 3 S S"], Int[Tensor, "B S S"]]:
        """Whole heads in [0, 1], most of them with something recoloured, and which part each pixel shows."""
        pictures, parts = [], []
        for _ in range(count):
            view, _, _ = self._whole(side, random)
            view = mirrored(view) if _chance(random) < 0.5 else view
            edit = "hair" if _chance(random) < 0.5 else ("clothes", "skin", "eyes")[_below(3, random)]
            colour = EDITS[edit][_below(len(EDITS[edit]), random)]
            plain = _chance(random) < 0.4
            pictures.append(paint(view, "photograph") if plain else recolour(view, edit, colour))
            parts.append(torch.where(view.coverage[0] > 0.5, view.part, 0))
        return torch.stack(pictures), torch.stack(parts)

    def sentences(self, count: int, random: torch.Generator) -> list[str]:
        """What may be said of them."""
        said = []
        for _ in range(count):
            record = self.records[_below(len(self), random)]
            wanted = _wish(random)
            said.append(caption(record, wanted.look, _numpy(random), wanted.edit, _angle(random)))
        return said

    def whole(self, person: int, view: int, side: int, kind: str = "bust") -> tuple[Seen, float, float]:
        """One stored view at a side of its own, with the azimuth of its camera and its pixels per box unit."""
        shard, row = self._where[person]
        arrays = self._shards[shard]
        camera = arrays[f"{kind}_camera"][row, view].tolist()
        stored = {name: arrays[f"{kind}_{name}"][row, view] for name in STORED}
        full = len(stored["depth"])
        found = _tensors(stored, slice(None), slice(None), side)
        return seen(*found, sitting_camera(*camera)), camera[0], _density(camera[2], full) * side / full

    def _one(self, side: int, random: torch.Generator, *, alone: bool) -> LookBatch:
        wanted = _wish(random)
        if alone or _chance(random) < WHOLE:
            view, azimuth, density = self._whole(side, random)
        else:
            view, azimuth, density = self._part(side, random)
        person = self._last
        if _chance(random) < 0.5:
            view, azimuth = mirrored(view), -azimuth
        seed = _below(1 << 30, random)
        truth = recolour(view, *wanted.edit) if wanted.edit else paint(view, wanted.look, seed)
        sentence = caption(self.records[person], wanted.look, _numpy(random), wanted.edit, azimuth)
        if _chance(random) < MUTE:
            sentence = ""
        scale = scale_of(density)
        if alone:
            return LookBatch(truth[None], view.coverage[None], [sentence], Known.nothing(1, side, scale))
        translated = sentence != "" and _chance(random) < TRANSLATED
        if not translated and _chance(random) >= SPOKEN:
            sentence = ""
        present = paint(view, "photograph") if translated else truth
        elsewhere = self._elevation
        known = refiners_view(view, present, truth, azimuth, elsewhere, scale, random)
        return LookBatch(truth[None], view.coverage[None], [sentence], known)

    def _whole(self, side: int, random: torch.Generator) -> tuple[Seen, float, float]:
        kind = "bust" if _chance(random) < 0.85 else "head"
        person, view = self._anybody(kind, random)
        return self.whole(person, view, side, kind)

    def _part(self, side: int, random: torch.Generator) -> tuple[Seen, float, float]:
        kind = "bust" if _chance(random) < 0.3 else "head"
        person, view = self._anybody(kind, random)
        shard, row = self._where[person]
        arrays = self._shards[shard]
        camera = arrays[f"{kind}_camera"][row, view].tolist()
        stored = {name: arrays[f"{kind}_{name}"][row, view] for name in STORED}
        full = len(stored["depth"])
        window = max(side, full // 2 if kind == "bust" or _chance(random) < 0.4 else full // 4)
        for _ in range(TRIES):
            top, left = _below(full - window + 1, random), _below(full - window + 1, random)
            rows, columns = slice(top, top + window), slice(left, left + window)
            if stored["rgba"][rows, columns, 3].mean() >= 255 * LEAST_SHOWN:
                break
        corner = (left / full, top / full, window / full)
        found = _tensors(stored, rows, columns, side)
        view_ = seen(*found, sitting_camera(*camera), corner)
        return view_, camera[0], _density(camera[2], full) * side / window

    def _anybody(self, kind: str, random: torch.Generator) -> tuple[int, int]:
        self._last = _below(len(self), random)
        shard, row = self._where[self._last]
        cameras = self._shards[shard][f"{kind}_camera"]
        view = _below(cameras.shape[1], random)
        self._elevation = float(cameras[row, view, 1])
        return self._last, view


def refiners_view(
    view: Seen, present: Float[Tensor, "3 S S"], truth: Float[Tensor, "3 S S"], azimuth: float, elevation: float,
    scale: float, random: torch.Generator,
) -> Known:  # fmt: skip
    """What a refiner would know of a view: the present picture worn and with holes, the shape without its finest
    detail; now and then no shape, now and then no picture."""
    worn = wear(HeadViews(present[None], view.coverage[None], view.normal[None], view.depth[None, None]), random)
    picture = torch.lerp(worn.picture, 2 * truth[None] - 1, worn.keep)
    numbers = torch.tensor([[float(worn.doubt), 1.0, 1.0, scale]])
    axis = towards(azimuth, elevation)
    guide = guide_of(worn.normal, worn.depth, worn.shown, worn.generate, worn.keep, axis)
    if _chance(random) < 0.06:
        guide[:, :5] = 0
        numbers[0, 1] = 0
    if _chance(random) < 0.08:
        picture, numbers[0, :3] = torch.zeros_like(picture), torch.tensor([1.0, float(numbers[0, 1]), 0.0])
        guide[:, 5:] = 0
    return Known(picture, guide, numbers)


def mirrored(view: Seen) -> Seen:
    """The other way round, as if head and camera stood in a mirror; light does not."""
    sideways = torch.tensor([-1.0, 1, 1])[:, None, None]
    return Seen(
        view.colour.flip(2), view.coverage.flip(2), view.normal.flip(2) * sideways, view.place.flip(2) * sideways,
        view.facing.flip(1), view.depth.flip(1), view.part.flip(1),
    )  # fmt: skip


def _wish(random: torch.Generator) -> Wanted:
    chance = _chance(random)
    if chance < PHOTOGRAPHS:
        return Wanted("photograph", None)
    if chance < PHOTOGRAPHS + RECOLOURED:
        parts = ("hair", "hair", "hair", "skin", "skin", "eyes", "clothes")
        part = parts[_below(len(parts), random)]
        return Wanted("photograph", (part, EDITS[part][_below(len(EDITS[part]), random)]))
    return Wanted(LOOKS[1 + _below(len(LOOKS) - 1, random)].name, None)


def _tensors(
    stored: dict[str, np.ndarray], rows: slice, columns: slice, side: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A part of a stored view at a side: colours, normals, depth and parts."""

    def cut(name: str) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(stored[name][rows, columns]))

    rgba, normal = cut("rgba").permute(2, 0, 1).float() / 255, cut("normal").permute(2, 0, 1).float() / 127
    depth, part = cut("depth").float(), cut("part").long()
    if len(depth) == side:
        return rgba, normal, depth, part
    step = len(depth) // side
    small = functional.avg_pool2d(torch.cat([rgba, normal])[None], step)[0]
    nearest = slice(step // 2, None, step)
    length = small[4:].norm(dim=0, keepdim=True)
    normal = torch.where(length > 0.3, small[4:] / length.clamp(min=1e-3), 0)
    return small[:4], normal, depth[nearest, nearest], part[nearest, nearest]


def _density(opening: float, side: int) -> float:
    """Pixels per box unit where the camera looks."""
    return side / (2 * DISTANCE * math.tan(opening / 2))


def _joined(batches: list[LookBatch]) -> LookBatch:
    known = [each.known for each in batches]
    return LookBatch(
        torch.cat([each.picture for each in batches]), torch.cat([each.shown for each in batches]),
        [each.sentences[0] for each in batches],
        Known(torch.cat([k.picture for k in known]), torch.cat([k.guide for k in known]),
              torch.cat([k.numbers for k in known])),
    )  # fmt: skip


def _numpy(random: torch.Generator) -> np.random.Generator:
    return np.random.default_rng(_below(1 << 31, random))


def _angle(random: torch.Generator) -> float:
    return (2 * _chance(random) - 1) * math.pi


def _below(count: int, random: torch.Generator) -> int:
    return int(torch.randint(count, (1,), generator=random))


def _chance(random: torch.Generator) -> float:
    return float(torch.rand(1, generator=random))
