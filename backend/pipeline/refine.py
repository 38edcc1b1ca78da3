# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of one refinement: a head with a texture, and a portrait, a sentence or both -> better and better textures
-> recipe."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from backend import __version__
from backend.faces.networks import FaceFinder
from backend.faces.portrait import Portrait, load_portrait
from backend.refinement.prior import PriorSettings, Step, ViewPrior, Wish
from backend.refinement.priors import loaded_prior
from backend.refinement.progressive import refine_views
from backend.refinement.reproject import lay_portrait
from backend.texture.maps import TextureSet
from backend.texture.resize import resized

from .events import Finished, Painted, PipelineEvent
from .refine_request import RefineRequest
from .stages import Stages

if TYPE_CHECKING:
    from backend.surface.mesh import Mesh

log = logging.getLogger(__name__)

LOADING, PORTRAIT, LAYING, PAINTING = (
    "loading the painter",
    "reading the portrait",
    "portrait onto the texture",
    "painting views",
)


def run(
    request: RefineRequest,
    mesh: Mesh,
    textures: TextureSet,
    *,
    paintable: np.ndarray | None = None,
    known: np.ndarray | None = None,
    settings: PriorSettings | None = None,
    find_faces: Callable[[], FaceFinder] = FaceFinder,
    find_prior: Callable[[str, PriorSettings], ViewPrior] = loaded_prior,
) -> Iterator[PipelineEvent]:
    """The events of one job; closing the iterator cancels it within one denoising step.

    The head stands as avatars do (+Y up, face to +Z, as large as they are) and has texture coordinates. Masks are of
    the given textures' side: `paintable` [T, T] in [0, 1] says where the texture may change, `known` [T, T] is false
    where it holds no colour worth starting from; None is everywhere. Raises PortraitError, FaceFilesMissing or
    PriorError; all carry `message` and `hint`.
    """
    repaints = request.refiner != "reproject"
    stages = Stages(_expected_seconds(request, repaints))
    prior = None
    if repaints:
        # First, because most of what can be missing is missing here.
        yield stages.enter(LOADING)
        prior = find_prior(request.refiner, settings or PriorSettings())
    portrait = finder = None
    if request.portrait is not None:
        yield stages.enter(PORTRAIT)
        finder = find_faces()
        portrait = load_portrait(request.portrait, finder)
        yield stages.progress(1.0, preview=portrait.crop)
        yield stages.enter(LAYING)
    if prior is None:
        assert portrait is not None
        mask, colours = (None if each is None else _at(each, request.size) for each in (paintable, known))
        larger = resized(textures, mesh, request.size)
        textures = lay_portrait(mesh, larger, portrait, finder=finder, paintable=mask, known=colours)
    else:
        refining = refine_views(mesh, textures, prior, _wish(request), request.views, request.size, paintable, portrait,
                                known=known, finder=finder)  # fmt: skip
        textures = yield from _paint(refining, stages, laid=portrait is None)
    yield Painted(textures, final=True)
    recipe = _recipe(request, portrait)
    recipe["notes"] += textures.notes
    recipe["result"] = {"faces": len(mesh.faces), "vertices": len(mesh.vertices), "texture_size": textures.size}
    yield Finished(recipe | {"seconds": stages.finish()})


def _paint(
    refining: Generator[Step | TextureSet, None, TextureSet], stages: Stages, laid: bool
) -> Generator[PipelineEvent, None, TextureSet]:
    """Shows every texture as soon as there is one; the last, which the caller sends as final, is returned."""
    if laid:
        yield stages.enter(PAINTING)
    try:
        while True:
            try:
                event = next(refining)
            except StopIteration as done:
                return done.value
            if isinstance(event, Step):
                yield stages.progress(event.fraction, event.preview)
                continue
            yield Painted(event, final=False)
            if not laid:
                laid = True
                yield stages.enter(PAINTING)
    finally:
        refining.close()


def _wish(request: RefineRequest) -> Wish:
    return Wish(
        prompt=(request.prompt or "").strip(),
        negative=(request.negative or "").strip(),
        strength=float(request.strength),
        guidance=request.guidance,
        steps=request.steps,
        seed=request.seed,
    )


def _at(mask: np.ndarray, size: int) -> np.ndarray:
    import cv2

    return np.asarray(cv2.resize(mask.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR))


def _expected_seconds(request: RefineRequest, repaints: bool) -> dict[str, float]:
    """Rough shares of the whole, as measured on one processor core."""
    texels = (request.size / 1024) ** 2
    expected = {LOADING: 1.0} if repaints else {}
    if request.portrait is not None:
        expected |= {PORTRAIT: 1.0, LAYING: 2.0 + 1.5 * texels}
    return expected | ({PAINTING: (3.0 + 0.4 * texels) * request.views} if repaints else {})


def _recipe(request: RefineRequest, portrait: Portrait | None) -> dict[str, Any]:
    """What was asked; the result's own numbers come on top."""
    import torch

    names = ("prompt", "negative", "strength", "views", "size", "guidance", "steps")
    record = None
    if portrait is not None:
        digest = hashlib.sha256(request.portrait or b"").hexdigest()
        record = {"sha256": digest, "yaw_degrees": round(portrait.yaw, 1)}
    return {
        "maquette": __version__,
        "kind": "refine",
        "job_id": request.job_id,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": request.seed,
        "refiner": request.refiner,
        "parameters": {name: getattr(request, name) for name in names},
        "portrait": record,
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "notes": [] if portrait is None else list(portrait.notes),
    }
