# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette blend`: the avatar between two that exist."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from backend.pipeline.recipes import read_source
from backend.pipeline.request import AvatarRequest

from .frame import Complaint
from .making import Output, make


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags(Output):
    """Make the avatar between two others: maquette blend out/anna out/bert --weight 0.3 --out out/between

    Both stay as they are. They must have been made by the model that is installed.
    """

    first: Path = field(metadata={"positional": True})
    """Folder of an avatar, its recipe.json or its .glb file."""
    second: Path = field(metadata={"positional": True})
    """Another one."""
    weight: float = 0.5
    """How much of the second: 0 is the first, 1 the second."""
    layers: float | None = None
    """Instead, of a generator with styles (sdf-gan): the share of the layers, coarse ones first, that the first gives;
    the second gives all finer ones."""


def run(flags: Flags) -> None:
    """Makes the avatar between them."""
    if not 0 <= flags.weight <= 1:
        raise Complaint(f"--weight is a number from 0 to 1, got {flags.weight:g}", "0.5 is the middle.")
    if flags.layers is not None and not 0 <= flags.layers <= 1:
        raise Complaint(f"--layers is a number from 0 to 1, got {flags.layers:g}", "0.4 takes shape from the first.")
    sources = tuple(read_source(each)[0] for each in (flags.first, flags.second))
    request = AvatarRequest(
        kind="blend",
        sources=sources,
        preset=flags.preset,
        options={"shares": [1 - flags.weight, flags.weight]}
        | ({} if flags.layers is None else {"layers": flags.layers}),
        job_id=uuid.uuid4().hex,
    )
    make(request, flags)
