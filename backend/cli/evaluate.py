# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette evaluate`: the generator on people that training has never seen."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .frame import Complaint
from .progress import Bar

if TYPE_CHECKING:
    from backend.evaluation.runs import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Measure the model on held-out synthetic people, each an avatar from one portrait: PSNR, SSIM and mask IoU over 36
    views around the head, Chamfer distance in per cent of the head's height. With --sentences, also avatars from the
    captions of such people: whether a classifier reads back what was asked for. With --variety, also avatars from seeds
    alone: how unlike each other they are, beside the same people."""

    seeds: range = range(1_000_000, 1_000_050)
    """Held-out people, from 1000000 up."""
    portraits: bool = True
    """Whether avatars are made from portraits."""
    ceiling: bool = False
    """Also what the model's planes hold at best of the same people, made from what is truly seen of them."""
    sentences: int = 0
    """So many avatars from captions of held-out people."""
    variety: int = 0
    """So many avatars from seeds alone."""
    baked: int = 0
    """So many avatars from seeds alone as meshes: PSNR between Blender's pictures of them in flat light and the
    field's own, from the same cameras."""
    gan: Path | None = None
    """Instead, an SDF GAN's file of weights: Fréchet distances of its pictures and normals to those of --held, in
    features of the shipped portrait encoder, at 20 and at 96 samples a pixel."""
    held: Path | None = None
    """Of --gan: folder of shards of people whom it has not seen."""
    pictures: int = 256
    """Of --gan: how many."""
    style: str = ""
    """Instead, a style of `maquette adapt` by its name: whether its people look as its sentence says, and what else of
    them changed."""
    training: Path | None = None
    """Folder of the shards that the model was trained on, to see whether avatars are copies of people in it."""
    pack: Path | None = None
    """Folder of the assets (otherwise MAQUETTE_PACK)."""
    steps: int = 12
    """Denoising steps of the base model."""
    invert: int = 0
    """Steps by which avatars are fitted to their portrait after sampling."""
    weights: Path | None = None
    """Another file of weights than the shipped one."""
    out: Path | None = None
    """Folder for each person's figures and pictures; a run that was stopped goes on from there."""
    truths: Path | None = None
    """Folder for what avatars are compared with, made once per person (otherwise in --out)."""
    workers: int = 1
    """Processes that work side by side."""
    blender: str = ""
    """The Blender that takes pictures of meshes; unless given, the bpy module, else `blender` on the search path."""
    json: bool = False
    """Print one JSON object instead of a table."""


def run(flags: Flags) -> None:
    """Evaluates person by person, then prints the means."""
    if flags.gan is not None:
        _gan(flags, flags.gan)
        return
    if flags.style:
        _style(flags, flags.style)
        return
    from backend.studio.parameters import EVALUATION_SEEDS

    if flags.seeds.start < EVALUATION_SEEDS:
        raise Complaint(
            f"seeds below {EVALUATION_SEEDS} may have been trained on", f"Give --seeds {EVALUATION_SEEDS}:… instead."
        )
    if flags.variety == 1:
        raise Complaint("one avatar has no variety", "Give --variety 2 or more.")
    with tempfile.TemporaryDirectory(prefix="maquette-") as passing, Bar() as bar:
        setting = _setting(flags, Path(passing))
        parts = {}
        if flags.portraits:
            parts["portraits"] = _people("portrait", flags, setting, bar)
        if flags.ceiling:
            parts["ceiling"] = _people("ceiling", flags, setting, bar)
        if flags.sentences:
            parts["sentences"] = _sentences(flags, setting, bar)
        if flags.variety:
            parts["variety"] = _variety(flags, setting, bar)
        if flags.baked:
            parts["baked"] = _baked(flags, setting, bar)
    if flags.json:
        print(json.dumps({"model": setting.mark, **parts}))
        return
    for part, figures in parts.items():
        print(f"{part:10}" + "  ".join(f"{name} {value}" for name, value in figures["means"].items()))


def _gan(flags: Flags, path: Path) -> None:
    from backend.evaluation.gan import evaluate_gan, table
    from backend.weights import store
    from backend.weights.library import read_entry
    from backend.weights.sdf_gan import load_sdf_gan

    if flags.held is None:
        raise Complaint(
            "a GAN is compared with people it has not seen", "Name a folder of their shards: --held FOLDER."
        )
    if flags.pictures < 4:
        raise Complaint(f"--pictures is {flags.pictures}", "Two halves of them need a spread: at least 4, better 256.")
    model, eye = load_sdf_gan(read_entry(path)), store.load().embedding.portrait_encoder
    with Bar() as bar:
        for share, score in evaluate_gan(model, eye, flags.held, flags.pictures):
            bar.update("pictures", share)
            found = score
    assert found is not None
    print(json.dumps(asdict(found)) if flags.json else "\n".join(table(found)))


def _style(flags: Flags, name: str) -> None:
    from backend.adaptation.adaptable import opened
    from backend.evaluation.styles import evaluate_style
    from backend.weights import library

    entry = library.entries().get(name)
    if entry is None or entry.recipe is None or "prompt" not in entry.recipe:
        raise Complaint(f"there is no style called {name!r}", "List them: maquette styles.")
    score = evaluate_style(opened(name), opened(entry.recipe["model"]), entry.recipe["prompt"])
    found = {key: value for key, value in asdict(score).items() if value is not None}
    print(json.dumps(found) if flags.json else "\n".join(f"{key:12}{value:.4g}" for key, value in found.items()))


def _setting(flags: Flags, passing: Path) -> Setting:
    """Where things lie; what the user names no folder for is forgotten."""
    from backend.evaluation.runs import Setting
    from backend.weights import store

    from .populate import blender_command
    from .studio import find_pack

    # Meshes are compared with their own fields: no studio is needed for that.
    studio = flags.portraits or flags.ceiling or flags.sentences or flags.variety
    return Setting(
        pack=find_pack(flags.pack) if studio else passing,
        truths=flags.truths or (flags.out or passing) / "truths", out=flags.out,
        weights=flags.weights or store.DEFAULT, steps=flags.steps, invert=flags.invert,
        blender=tuple(blender_command(flags.blender)) if flags.baked else (),
    )  # fmt: skip


def _people(part: Literal["portrait", "ceiling"], flags: Flags, setting: Setting, bar: Bar) -> dict[str, Any]:
    from backend.evaluation.parts import ceiling, means, portrait
    from backend.evaluation.runs import evaluate

    records = []
    work = portrait if part == "portrait" else ceiling
    for done, record in evaluate(work, flags.seeds, setting, flags.workers):
        records.append(record)
        bar.update(f"{part}, {done} of {len(flags.seeds)}", done / len(flags.seeds))
    return {"means": means(records), "people": records}


def _sentences(flags: Flags, setting: Setting, bar: Bar) -> dict[str, Any]:
    from backend.evaluation.parts import sentence, understood
    from backend.evaluation.runs import evaluate

    records = []
    people = range(flags.seeds.start, flags.seeds.start + flags.sentences)
    for done, record in evaluate(sentence, people, setting, flags.workers):
        records.append(record)
        bar.update(f"sentences, {done} of {flags.sentences}", done / flags.sentences)
    found = {kind: {name: round(share, 4) for name, share in shares.items()}
             for kind, shares in understood(records).items()}  # fmt: skip
    return {"means": found["read"], "of_the_people_themselves": found["read_of_person"], "avatars": records}


def _baked(flags: Flags, setting: Setting, bar: Bar) -> dict[str, Any]:
    from backend.evaluation.baked import baked
    from backend.evaluation.flat import BlenderError
    from backend.evaluation.parts import means
    from backend.evaluation.runs import evaluate

    records = []
    try:
        for done, record in evaluate(baked, range(flags.baked), setting, flags.workers):
            records.append(record)
            bar.update(f"meshes, {done} of {flags.baked}", done / flags.baked)
    except BlenderError as error:
        raise Complaint(error.message, error.hint) from error
    return {"means": means(records), "avatars": records}


def _variety(flags: Flags, setting: Setting, bar: Bar) -> dict[str, Any]:
    from backend.evaluation.parts import spread_of, variety
    from backend.evaluation.runs import evaluate

    records = []
    for done, record in evaluate(variety, range(flags.variety), setting, flags.workers):
        records.append(record)
        bar.update(f"seeds, {done} of {flags.variety}", done / flags.variety)
    found = spread_of(records, setting, flags.seeds, flags.training)
    figures = {name: round(value, 4) for name, value in asdict(found).items() if value is not None}
    return {"means": {"ratio": round(found.ratio, 4), **figures}, "avatars": flags.variety}
