# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette convert`: a published checkpoint of another system becomes a generator of panel and command line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from .frame import Complaint


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Turn a checkpoint that you have into a generator: maquette convert ffhq512-128.pkl --as eg3d --name heads

    The file is read as data: nothing in it is run. Afterwards `maquette generate --synthesizer heads --seed 3` uses it,
    and the panel offers it. Its licence goes with it and is shown.
    """

    checkpoint: Path = field(metadata={"positional": True})
    """The published file: .pkl of EG3D or PanoHead, model.ckpt of TripoSR with config.yaml beside it."""
    family: Literal["eg3d", "panohead", "triposr"] = field(metadata={"flag": "as"})
    """What the file is a model of."""
    name: str | None = None
    """What to call it; the file's name unless given."""
    licence: Path | None = None
    """A file with the licence's full text; one called LICENSE beside the checkpoint is found without."""
    overwrite: bool = False
    """Replace a model of that name."""


def run(flags: Flags) -> None:
    """Converts it and says under which terms it stands."""
    from backend.synthesis import SYNTHESIZERS
    from backend.weights.converted import convert
    from backend.weights.licences import LICENCES

    name = flags.name or re.sub(r"[^a-z0-9]+", "-", flags.checkpoint.stem.lower()).strip("-")[:40]
    if name in SYNTHESIZERS:
        raise Complaint(f"{name} is a generator of maquette's own", "Choose another --name.")
    licence = None
    if flags.licence is not None:
        licence = replace(LICENCES[flags.family], text=_text(flags.licence))
    entry = convert(flags.checkpoint, flags.family, name, licence, flags.overwrite)
    terms = entry.licence
    print(f"{name}: a generator of the {entry.family} family, made from {' or '.join(entry.inputs)}; {entry.path}")
    print(f"licence: {terms.name}{'' if terms.commercial else ' (NON-COMMERCIAL)'}")
    print(f"  {terms.terms}")
    if not terms.text:
        print("  Its full text was not beside the checkpoint; read it where you got the file, or give --licence FILE.")
    given = {"seed": "--seed 1", "portrait": "--portrait FILE"}[entry.inputs[0]]
    print(f"use it: maquette generate --synthesizer {name} {given} --out FOLDER")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Complaint(f"{file} cannot be read: {error.strerror}") from error
