# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole story of one avatar: portrait, sentence, seed, or avatars that exist -> field -> mesh -> better and better
textures -> recipe."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from backend import __version__
from backend.faces.networks import FaceFinder
from backend.faces.portrait import Portrait, load_portrait
from backend.refinement import REFINERS
from backend.refinement.prior import PRIORS, PriorSettings, Step, Wish
from backend.refinement.priors import AVATAR_STRENGTH, AVATAR_VIEWS, FACE_VIEWS, loaded_prior
from backend.refinement.shaded import can_shade
from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.lod import levels_of_detail
from backend.surface.mending import solid
from backend.surface.unwrap import unwrap
from backend.synthesis.base import Condition, Edit, Sample, Synthesizer
from backend.synthesis.inversion import STAGE as LIKENESS
from backend.synthesis.source import Source
from backend.texture.bake import bake, finish

from .events import Finished, Painted, PipelineEvent, Shaped
from .presets import PREVIEW_TEXTURE_SIZE, Preset
from .request import AGAIN, AvatarRequest
from .stages import Stages

if TYPE_CHECKING:
    from backend.geometry.fields import Field
    from backend.surface.mesh import Mesh
    from backend.texture.maps import TextureSet

log = logging.getLogger(__name__)

PORTRAIT, SAMPLING, FITTING, EXTRACTING, CLEANING, UNWRAPPING, BAKING, DETAIL = (
    "reading the portrait",
    "sculpting",
    "fitting to the photograph",
    "extracting the surface",
    "simplifying the mesh",
    "unwrapping",
    "first texture",
    "fine surface",
)
IMAGINING = "shaping after the sentence"
SYNTHESIS = {LIKENESS: FITTING}
"""Stages of a synthesizer that take a share of their own; all others are sculpting."""
USUAL_TUNING = 300
"""Steps that an imagined head may take where no number is told; only for the progress that is shown."""
MIXED_NOTE = "the person is a mix, so the photograph's own pixels are not put onto the texture"
REFINING = {
    "resample": "finer texture",
    "reproject": "portrait onto the texture",
    "diffuse-local": "painting views",
    "diffuse-sd": "painting views with Stable Diffusion",
    "sharpen": "sharpening the face",
}


SHARPENED = "rodin"
"""The model whose faces `sharpen` has learned to make out."""


class AvatarError(Exception):
    """A job that cannot be done; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def run(
    request: AvatarRequest, synthesizer: Synthesizer, find_faces: Callable[[], FaceFinder] = FaceFinder
) -> Iterator[PipelineEvent]:
    """The events of one job; closing the iterator cancels it within one denoising step.

    `find_faces` is asked only where there is a portrait; give a cached one for several jobs. Raises PortraitError,
    FaceFilesMissing, SourceError, EditError, PriorError or AvatarError; all carry `message` and `hint`.
    """
    numbers = request.numbers
    refiners = _refiners(request, synthesizer.name)
    stages = Stages(_expected_seconds(request, refiners))
    sources = [_source(each, synthesizer) for each in request.sources]
    for name in refiners:
        if name in PRIORS:
            loaded_prior(name, PriorSettings())  # what is missing is said before any work
    portrait = None
    if request.portrait is not None:
        yield stages.enter(PORTRAIT)
        portrait = load_portrait(request.portrait, find_faces())
        yield stages.progress(1.0, preview=portrait.crop)
    sample = yield from _sample(request, _condition(request, portrait, sources), synthesizer, stages)
    field = sample.field
    shape = solid(field)
    mesh = yield from _shape(shape, numbers, stages)
    yield Shaped(mesh, levels_of_detail(mesh, request.levels) if request.levels else ())
    yield stages.enter(BAKING)
    textures = bake(field, mesh, PREVIEW_TEXTURE_SIZE)
    yield Painted(textures, final=not refiners)
    for name in refiners:
        yield stages.enter(REFINING.get(name, name))
        wish = Wish(prompt=_described(request), strength=AVATAR_STRENGTH, seed=request.seed)
        better = REFINERS[name].refine(field, mesh, textures, portrait, size=numbers.texture_size, wish=wish)
        textures = yield from _paint(better, textures, stages, last=name == refiners[-1])
    if refiners:
        if numbers.maps:
            yield stages.enter(DETAIL)
            textures = finish(shape, mesh, textures)
        yield Painted(textures, final=True)
    recipe = _recipe(request, synthesizer, portrait, refiners)
    recipe["result"] = {"faces": len(mesh.faces), "vertices": len(mesh.vertices), "texture_size": textures.size}
    mixed = [MIXED_NOTE] if portrait is not None and not request.shows_portrait else []
    recipe["notes"] += [*mixed, *sample.notes, *textures.notes]
    recipe["made_from"] = [_source_record(text, each) for text, each in zip(request.sources, sources, strict=True)]
    recipe["source"] = sample.source.pack()
    yield Finished(recipe | {"device": str(field.device), "seconds": stages.finish()})


def _refiners(request: AvatarRequest, model: str) -> list[str]:
    """Names of the refiners, in order."""
    chosen = request.numbers.refiners
    if "refiners" not in request.options and (request.shows_portrait or model != SHARPENED):
        chosen = tuple(name for name in chosen if name != "sharpen")
    if request.kind == "imagine" and "refiners" not in request.options and can_shade(request.sentence or ""):
        # A generator that was bent has the material's colour; its veins and light are the refiner's.
        chosen = (*chosen, "diffuse-local")
    return [name for name in chosen if request.shows_portrait or not REFINERS[name].needs_portrait]


def _source(text: str, synthesizer: Synthesizer) -> Source:
    """An avatar that exists, if this model made it. Raises SourceError or AvatarError."""
    source = Source.unpack(text)
    if source.model_hash != synthesizer.model_hash[: len(source.model_hash)] or not source.model_hash:
        raise AvatarError(
            f"this avatar was made with another model ({source.model_hash or 'unknown'}) than the one that is loaded"
            f" ({synthesizer.model_hash[:16]})",
            AGAIN,
        )
    return source


def _condition(request: AvatarRequest, portrait: Portrait | None, sources: list[Source]) -> Condition:
    settings: dict[str, Any] = {
        "seed": request.seed,
        "guidance": request.guidance,
        "temperature": request.temperature,
        "steps": request.numbers.steps,
    }
    if request.kind == "edit":
        change = Edit(source=sources[0], sentence=request.sentence or "", strength=request.strength)
        return Condition(edit=change, **settings)
    if request.kind == "blend":
        blend = tuple(zip(sources, request.shares, strict=True))
        return Condition(blend=blend, layers=request.layers, **settings)
    if portrait is not None:
        # A nose that points to the picture's right is seen from the person's right, which is -X.
        settings |= {"portrait": portrait.crop, "matte": portrait.matte, "pose": (-math.radians(portrait.yaw), 0.0)}
    return Condition(sentence=request.sentence, weights=request.weights, invert=request.invert, **settings)


def _sample(
    request: AvatarRequest, condition: Condition, synthesizer: Synthesizer, stages: Stages
) -> Generator[PipelineEvent, None, Sample]:
    main = _sampling(request)
    yield stages.enter(main)
    entered = {main}
    sampling = synthesizer.synthesize(condition)
    try:
        while True:
            try:
                step = next(sampling)
            except StopIteration as done:
                return done.value
            stage = SYNTHESIS.get(step.stage, main)
            if stage not in entered and request.invert:
                entered.add(stage)
                yield stages.enter(stage)
            yield stages.progress(step.fraction, step.preview)
    finally:
        sampling.close()


def _shape(field: Field, numbers: Preset, stages: Stages) -> Generator[PipelineEvent, None, Mesh]:
    yield stages.enter(EXTRACTING)
    try:
        rough = extract(field, numbers.resolution)
    except ValueError as error:  # extract's one complaint is about the field itself
        raise AvatarError("the model produced no surface for this request", "Try another seed or portrait.") from error
    yield stages.enter(CLEANING)
    mesh = clean(rough, numbers.faces)
    yield stages.enter(UNWRAPPING)
    return unwrap(mesh, numbers.texture_size)


def _paint(
    better: Iterator[TextureSet | Step], textures: TextureSet, stages: Stages, last: bool
) -> Generator[PipelineEvent, None, TextureSet]:
    """Shows each texture at once, but the very last of a job: that waits for what comes with it."""
    held: TextureSet | None = None
    with closing(better):  # type: ignore[type-var]
        for event in better:
            if held is not None:
                yield Painted(held, final=False)
                held = None
            if isinstance(event, Step):
                yield stages.progress(event.fraction, event.preview)
                continue
            textures = event
            if last:
                held = textures
            else:
                yield Painted(textures, final=False)
    return textures


def _described(request: AvatarRequest) -> str:
    """What the person is like in words, as far as the request says so: an edit's sentence names a change only."""
    return request.sentence or "" if request.kind in ("avatar", "imagine") else ""


def _expected_seconds(request: AvatarRequest, refiners: list[str]) -> dict[str, float]:
    """Rough shares of the whole, as measured on two processor cores."""
    numbers = request.numbers
    texels = (numbers.texture_size / 1024) ** 2
    expected = {PORTRAIT: 0.5} if request.portrait is not None else {}
    expected[_sampling(request)] = 0.5 * (numbers.steps if request.kind != "imagine" else request.tune or USUAL_TUNING)
    if request.invert:
        expected[FITTING] = 0.15 * request.invert
    expected |= {
        EXTRACTING: 0.5 * (numbers.resolution / 192) ** 2,
        CLEANING: 0.4 * (numbers.resolution / 192) ** 2,
        UNWRAPPING: 0.4 * numbers.faces / 20_000,
        BAKING: 0.2,
    }
    view = 3.0 + 0.4 * texels
    painting = dict.fromkeys(PRIORS, view * AVATAR_VIEWS) | {"sharpen": 0.5 * view * len(FACE_VIEWS)}
    expected |= {REFINING.get(name, name): painting.get(name, texels) for name in refiners}
    return expected | ({DETAIL: 0.3 + 0.7 * texels} if refiners and numbers.maps else {})


def _sampling(request: AvatarRequest) -> str:
    return IMAGINING if request.kind == "imagine" else SAMPLING


def _recipe(
    request: AvatarRequest, synthesizer: Synthesizer, portrait: Portrait | None, refiners: list[str]
) -> dict[str, Any]:
    """What was asked and with what it is made; the result's own numbers come on top."""
    import torch

    parameters = asdict(request.numbers) | {"refiners": refiners, "guidance": request.guidance}
    return {
        "maquette": __version__,
        "kind": request.kind,
        "job_id": request.job_id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": request.seed,
        "preset": request.preset,
        "options": dict(request.options),
        "parameters": parameters,
        "model": {"name": synthesizer.name, "hash": synthesizer.model_hash},
        "portrait": None if portrait is None else _portrait_record(request.portrait or b"", portrait),
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "notes": [] if portrait is None else list(portrait.notes),
    }


def _source_record(text: str, source: Source) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(text.encode()).hexdigest(), "seed": source.seed}


def _portrait_record(content: bytes, portrait: Portrait) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "yaw_degrees": round(portrait.yaw, 1)}
