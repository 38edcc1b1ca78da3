# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette edit`: an avatar that exists, changed as a sentence says."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from pathlib import Path

from backend.pipeline.recipes import read_source
from backend.pipeline.request import AvatarRequest

from .making import Output, make


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags(Output):
    """Change an avatar by a sentence and keep who it is: maquette edit out/anna --sentence "add a beard" --out out/new

    The avatar itself stays as it is. The change starts from what the model made: a photograph's own pixels, and what a
    fit to the photograph added, are not carried over.
    """

    avatar: Path = field(metadata={"positional": True})
    """Folder of an avatar, its recipe.json or its .glb file."""
    sentence: str
    """What to change: "add a beard", "make her older", "red hair"."""
    strength: float = 1.0
    """How far: 0 changes nothing, 1 is the sentence as it stands, up to 3 exaggerates."""


def run(flags: Flags) -> None:
    """Makes the changed avatar."""
    source, recipe = read_source(flags.avatar)
    request = AvatarRequest(
        kind="edit",
        sources=(source,),
        seed=int(recipe.get("seed", 0)),
        preset=flags.preset,
        options={"sentence": flags.sentence, "strength": flags.strength},
        job_id=uuid.uuid4().hex,
    )
    make(request, flags)
