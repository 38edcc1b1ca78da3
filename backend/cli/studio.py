# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette studio`: synthetic people from MakeHuman-format assets, as training shards or as a sheet of pictures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from .frame import Complaint
from .progress import Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Make synthetic people: training shards, a sheet of pictures with captions, or plain files for other tools."""

    task: Literal["make", "sittings", "render", "looks", "export"] = field(metadata={"positional": True})
    """make: shards of samples; sittings: shards of
    views with all that a shader needs, for `train looks`; render: people.png and people.json; looks: people in every
    look (looks.png) and what is said of each picture (looks.json); export: per person a mesh with materials, its
    record, and views with masks, depth, normals and cameras."""
    seeds: range
    """Which people; the same seed is always the same person. From 1000000 up they are kept for evaluation."""
    out: Path
    """Folder to write into; shards that are there already are kept."""
    pack: Path | None = None
    """Folder of the assets: the CC0 head pack or a MakeHuman or MPFB data folder (otherwise MAQUETTE_PACK)."""
    points: bool = True
    """Whether shards hold points with distances too; they take two thirds of the time, and only `fit` needs them."""
    workers: int = 2
    """Processes that work side by side."""


def run(flags: Flags) -> None:
    """Makes or renders, showing progress."""
    pack_root = find_pack(flags.pack)
    with Bar() as bar:
        if flags.task in ("make", "sittings"):
            for done, wanted in _shards(flags, pack_root):
                bar.update(f"making people, {done} of {wanted} shards", done / wanted)
            print(f"{len(flags.seeds)} people in {flags.out}")
            return
        if flags.task == "render":
            _render(flags, pack_root, bar)
        elif flags.task == "looks":
            _looks(flags, pack_root, bar)
        else:
            _export(flags, pack_root, bar)


def _shards(flags: Flags, pack_root: Path) -> Iterator[tuple[int, int]]:
    from backend.studio.dataset import make_shards, person_sample
    from backend.studio.sittings import SITTING_SHARD, sitting_sample

    if flags.task == "sittings":
        return make_shards(flags.seeds, pack_root, flags.out, flags.workers, sitting_sample, SITTING_SHARD)
    return make_shards(flags.seeds, pack_root, flags.out, flags.workers, partial(person_sample, points=flags.points))


def find_pack(given: Path | None) -> Path:
    """The asset folder from the flag or the environment."""
    if given is not None:
        return given
    if place := os.environ.get("MAQUETTE_PACK"):
        return Path(place)
    raise Complaint(
        "no asset folder is given",
        "Give the CC0 head pack or MakeHuman's data folder with --pack or MAQUETTE_PACK.",
    )


def _export(flags: Flags, pack_root: Path, bar: Bar) -> None:
    from backend.studio.assets import Pack
    from backend.studio.export import write_person
    from backend.studio.parameters import sample_parameters
    from backend.studio.people import build_person

    pack = Pack(pack_root)
    for done, seed in enumerate(flags.seeds):
        bar.update(f"person {seed}", done / len(flags.seeds))
        folder = flags.out / f"{seed:08d}"
        if not (folder / "transforms.json").exists():  # written last: such a person is complete
            write_person(build_person(sample_parameters(seed, pack), pack), folder)
    print(f"{len(flags.seeds)} people in {flags.out}")


def _looks(flags: Flags, pack_root: Path, bar: Bar) -> None:
    from PIL import Image

    from backend.studio.assets import Pack
    from backend.studio.look_sheet import look_strip, strips_as_sheet

    pack = Pack(pack_root)
    strips, records = [], []
    for done, seed in enumerate(flags.seeds):
        bar.update(f"person {seed}", done / len(flags.seeds))
        strip, said = look_strip(seed, pack)
        strips.append(strip)
        records.append(said)
    flags.out.mkdir(parents=True, exist_ok=True)
    Image.fromarray(strips_as_sheet(strips)).save(flags.out / "looks.png")
    (flags.out / "looks.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
    print(f"wrote {flags.out / 'looks.png'} and looks.json")


def _render(flags: Flags, pack_root: Path, bar: Bar) -> None:
    from PIL import Image

    from backend.studio.assets import Pack
    from backend.studio.captions import describe
    from backend.studio.parameters import sample_parameters
    from backend.studio.sheet import person_strip, sheet

    pack = Pack(pack_root)
    strips, records = [], []
    for done, seed in enumerate(flags.seeds):
        bar.update(f"person {seed}", done / len(flags.seeds))
        parameters = sample_parameters(seed, pack)
        strips.append(person_strip(parameters, pack))
        records.append({**parameters.record(), "caption": describe(parameters)})
    flags.out.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(strips)).save(flags.out / "people.png")
    (flags.out / "people.json").write_text(json.dumps(records, indent=1), encoding="utf-8")
    print(f"wrote {flags.out / 'people.png'} and people.json")
