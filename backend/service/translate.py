# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the wire and the pipeline: a JobRequest becomes an AvatarRequest, pipeline events become messages.

`AvatarRunner` is what a worker loads. torch is imported when it is made, not with this file.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from backend.pipeline import events
from backend.pipeline.adapt_request import ADAPT, AdaptRequest, adapt_request
from backend.pipeline.head_request import REFINE, HeadWish, read_options
from backend.pipeline.refine_request import RefineRequest
from backend.pipeline.request import AGAIN, AvatarRequest, RequestError
from backend.weights import library
from blender_addon.protocol import (
    HEAD_ARRAYS,
    ErrorCode,
    Event,
    Finished,
    JobRequest,
    MeshReady,
    Progressed,
    TextureReady,
)

from .errors import JobError, ServiceError

if TYPE_CHECKING:
    from backend.adaptation.prior import PicturePrior, PriorPlace
    from backend.faces.networks import FaceFinder
    from backend.surface.mesh import Mesh
    from backend.surface.user_head import UserHead
    from backend.synthesis.base import Synthesizer

CODES = {
    "PortraitError": ErrorCode.BAD_PORTRAIT,
    "FaceFilesMissing": ErrorCode.NOT_READY,
    "RequestError": ErrorCode.BAD_REQUEST,
    "AvatarError": ErrorCode.BAD_REQUEST,
    "SourceError": ErrorCode.BAD_REQUEST,
    "LibraryError": ErrorCode.BAD_REQUEST,
    "WeightsError": ErrorCode.NOT_READY,
    "EditError": ErrorCode.BAD_REQUEST,
    "HeadError": ErrorCode.BAD_REQUEST,
    "AtlasError": ErrorCode.BAD_REQUEST,
    "PriorError": ErrorCode.BAD_REQUEST,
    "StyleError": ErrorCode.BAD_REQUEST,
    "AdaptationError": ErrorCode.BAD_REQUEST,
    "WorkplaceError": ErrorCode.BAD_REQUEST,
}
"""The pipeline's complaints, all with `message` and `hint`, as the protocol's codes."""


def check(request: JobRequest) -> None:
    """Raises RequestError for what the pipeline would not do, before any work starts."""
    if request.kind == REFINE:
        refine_request(request)
    elif request.kind == ADAPT:
        style_request(request)
    else:
        avatar_request(request)


def style_request(request: JobRequest) -> AdaptRequest:
    """A new style in the pipeline's words. Raises RequestError."""
    if request.portrait is not None or request.sources is not None:
        raise RequestError("a style is made from a sentence alone", "Leave portrait and sources out.")
    return adapt_request(request.options, request.preset, request.seed, request.job_id)


def refine_request(request: JobRequest) -> tuple[RefineRequest, HeadWish]:
    """A refinement in the pipeline's words, without the head. Raises RequestError."""
    return read_options(request.options, request.portrait, request.seed, request.job_id)


def user_head(request: JobRequest) -> UserHead:
    """The head that came with a request."""
    from backend.surface.user_head import UserHead

    # What comes off the wire is read-only memory, which torch does not take.
    held = {name: getattr(request, name) for name in HEAD_ARRAYS}
    own: dict[str, Any] = {name: value.copy() for name, value in held.items() if value is not None}
    return UserHead(**own)


def avatar_request(request: JobRequest) -> AvatarRequest:
    """The same in the pipeline's words. Raises RequestError."""
    try:
        sources = tuple((request.sources or b"").decode("ascii").split())
    except UnicodeDecodeError as error:
        raise RequestError("the sources to start from are damaged", AGAIN) from error
    return AvatarRequest(
        kind=request.kind,
        portrait=request.portrait,
        sources=sources,
        seed=request.seed,
        preset=request.preset,
        options=request.options,
        job_id=request.job_id,
    )


def message_of(event: events.PipelineEvent, job_id: str) -> Event:
    """The event as it goes to the add-on."""
    match event:
        case events.Progress():
            fraction = min(max(event.fraction, 0.0), 1.0)
            return Progressed(job_id, event.stage, fraction, event.remaining, event.preview)
        case events.Shaped(mesh=mesh, levels=levels):
            assert mesh.uv is not None, "Shaped comes after unwrapping"
            vertices, uv = (np.ascontiguousarray(each, "<f4") for each in (mesh.vertices, mesh.uv))
            faces = np.ascontiguousarray(mesh.faces, "<i4")
            if not levels:
                return MeshReady(job_id, vertices, faces, uv)
            vertices, uv, coarser = _on_vertices(mesh, levels)
            sizes = np.array([len(each) for each in coarser], "<i4")
            return MeshReady(job_id, vertices, faces, uv, np.concatenate(coarser), sizes)
        case events.Painted(textures=textures):
            maps = (textures.normal, textures.occlusion, textures.roughness)
            plain = (None if each is None else np.ascontiguousarray(each) for each in maps)
            return TextureReady(job_id, textures.level, np.ascontiguousarray(textures.albedo), event.final, *plain)
        case events.Finished(recipe=recipe):
            return Finished(job_id, recipe)


def _on_vertices(mesh: Mesh, levels: Sequence[Mesh]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Vertices and texture coordinates of the mesh, with those that only levels have behind them; the levels' faces
    over these."""
    rows = []
    for each in (mesh, *levels):
        assert each.uv is not None
        rows.append(np.ascontiguousarray(np.column_stack([each.vertices, each.uv]), "<f4"))
    sizes = np.cumsum([0, *map(len, rows)])
    whole = np.concatenate(rows)
    keys = whole.view(np.dtype((np.void, whole.dtype.itemsize * 5))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    first = first[inverse.reshape(-1)]  # of the mesh's own vertices, should two be alike, each keeps its number
    added = np.flatnonzero((first == np.arange(len(whole))) & (first >= sizes[1]))
    number = np.arange(len(whole))
    number[added] = sizes[1] + np.arange(len(added))
    faces = [number[first[start:][each.faces]].astype("<i4") for start, each in zip(sizes[1:], levels, strict=False)]
    kept = np.concatenate([rows[0], whole[added]])
    return np.ascontiguousarray(kept[:, :3]), np.ascontiguousarray(kept[:, 3:]), faces


class AvatarRunner:
    """Makes avatars on one device; the synthesizer and the face networks are loaded once.

    `load` gives the synthesizer; `backend.synthesis.load` unless told otherwise. Of the user's converted models the one
    that was asked for last is kept as well. `find_prior` gives who knows what the sentences of styles look like.
    """

    def __init__(
        self,
        device: str,
        load: Callable[..., Synthesizer] | None = None,
        find_prior: Callable[[str, PriorPlace], PicturePrior] | None = None,
    ) -> None:
        import torch

        from backend import synthesis
        from backend.refinement import REFINERS

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise ServiceError("There is no graphics card that torch can use.", "Start the backend with --device cpu.")
        try:
            self._synthesizer = (load or synthesis.load)(device=device)
        except Exception as error:
            if isinstance(message := getattr(error, "message", None), str):
                raise ServiceError(message, getattr(error, "hint", "")) from error
            raise
        self._find_prior = find_prior
        self._faces: FaceFinder | None = None
        self._other: Synthesizer | None = None
        self.capabilities: dict[str, Any] = {
            "synthesizers": list(synthesis.available()),
            "refiners": list(REFINERS),
            "device": synthesis.device_of(str(getattr(self._synthesizer, "device", device))),
        }

    def run(self, request: JobRequest) -> Iterator[Event]:
        """The messages of one job. Raises JobError for what a user can mend."""
        steps = self._steps(request)
        try:
            for event in steps:
                yield message_of(event, request.job_id)
        except Exception as error:
            code = CODES.get(type(error).__name__)
            if code is None:
                raise
            raise JobError(code, getattr(error, "message", str(error)), getattr(error, "hint", "")) from error
        finally:
            cast(Generator[events.PipelineEvent, None, None], steps).close()

    def _steps(self, request: JobRequest) -> Iterator[events.PipelineEvent]:
        if request.kind == ADAPT:
            from backend.pipeline import adapt

            self._other = None  # what learns needs the memory
            yield from adapt.run(style_request(request), self._device, find_prior=self._find_prior)
            return
        if request.kind != REFINE:
            from backend.pipeline import avatar

            asked = avatar_request(request)
            yield from avatar.run(asked, self._synthesizer_for(asked), self._find_faces)
            return
        from backend.pipeline import heads
        from backend.refinement.prior import PriorSettings

        settings = PriorSettings(device=self._device)
        asked_of_it = refine_request(request)
        yield from heads.run(user_head(request), *asked_of_it, find_faces=self._find_faces, settings=settings)

    @property
    def _device(self) -> str:
        return str(self.capabilities["device"])

    def _synthesizer_for(self, request: AvatarRequest) -> Synthesizer:
        from backend import synthesis

        if request.kind == "imagine":
            from backend.pipeline.imagined import sculptor

            self._other = None
            return sculptor(request, self._device)
        name = synthesis.chosen(request.synthesizer, request.sources)
        if name == synthesis.DEFAULT:
            return self._synthesizer
        entry = library.entries().get(name)
        wanted = (name, entry.model_hash if entry else "")  # a style that was deleted may have a namesake
        if self._other is None or (self._other.name, self._other.model_hash) != wanted:
            self._other = None  # before the next is loaded: two large models may be too much
            self._other = synthesis.load(name, self._device)
        return self._other

    def _find_faces(self) -> FaceFinder:
        if self._faces is None:
            from backend.faces.networks import FaceFinder

            self._faces = FaceFinder()
        return self._faces
