# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette generate`: one avatar from a portrait, a sentence, a seed, or a mix of them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.pipeline.request import MIXED, AvatarRequest

from .frame import Complaint
from .making import Output, make

MAX_FILE_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags(Output):
    """Make an avatar: avatar.glb, recipe.json and preview.png in the output folder.

    Portrait, sentence and seed can be mixed: maquette generate --portrait me.jpg --sentence "an old woman with grey
    hair" --weights portrait=1 sentence=0.5 --out elder
    """

    portrait: Path | None = None
    """Photograph of one face, any common image format."""
    sentence: str | None = None
    """What the person is like: "a young man with red hair and a beard"."""
    seed: int | None = None
    """Start of all randomness; without portrait and sentence it alone decides who appears."""
    weights: tuple[str, ...] = ()
    """How much each counts in a mix, as NAME=NUMBER: portrait=1 sentence=0.5 seed=0.2; 1 unless given. A seed counts
    beside others only if it is named."""
    invert: int = 0
    """Steps by which the avatar is fitted to the photograph after sampling; 0: none."""
    guidance: float | None = None
    """How strictly portrait and sentence are followed; the model's own value unless given."""
    temperature: float | None = None
    """How far the noise may lead away from the average person, 0 to 1; the model's own value unless given."""
    synthesizer: str | None = None
    """The generator: rodin, which ships, or one that `maquette convert`, `train` or `adapt` made; of --imagine the one
    that is bent."""
    imagine: bool = False
    """The sentence may say what no person looks like ("a bronze bust with a laurel wreath"): a generator is bent to it
    for this one head, which takes minutes."""
    tune: int | None = None
    """Of --imagine: steps of bending."""
    refiners: tuple[str, ...] = ()
    """What makes the texture better, in order: resample, reproject, diffuse-local, diffuse-sd; the preset's own unless
    given. Those that need a photograph are left out where there is none."""


def run(flags: Flags) -> None:
    """Makes the avatar."""
    make(_request(flags), flags)


def _request(flags: Flags) -> AvatarRequest:
    if flags.portrait is None and flags.sentence is None and flags.seed is None:
        raise Complaint(
            "neither --portrait nor --sentence nor --seed is given",
            "Give a photograph, a sentence, a seed, or several.",
        )
    if flags.imagine and flags.sentence is None:
        raise Complaint("--imagine needs a --sentence", 'Describe the head: --sentence "a bronze bust with a wreath".')
    wanted: dict[str, Any] = {
        "sentence": flags.sentence,
        "synthesizer": flags.synthesizer,
        "weights": _weights(flags.weights),
        "invert": flags.invert or None,
        "guidance": flags.guidance,
        "temperature": flags.temperature,
        "refiners": list(flags.refiners) or None,
        "tune": flags.tune,
    }
    return AvatarRequest(
        kind="imagine" if flags.imagine else "avatar",
        portrait=None if flags.portrait is None else _content(flags.portrait),
        seed=flags.seed or 0,
        preset=flags.preset,
        options={name: value for name, value in wanted.items() if value is not None},
        job_id=uuid.uuid4().hex,
    )


def _weights(texts: tuple[str, ...]) -> dict[str, float] | None:
    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise Complaint(f"--weights takes NAME=NUMBER, got {text!r}", f"Names are {', '.join(MIXED)}.") from None
    return found or None


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise Complaint(f"{file} is larger than {MAX_FILE_BYTES >> 20} MiB", "Reduce the picture.")
        return file.read_bytes()
    except OSError as error:
        raise Complaint(f"{file} cannot be read: {error.strerror}") from error
