# SPDX-License-Identifier: GPL-3.0-or-later
"""The story of somebody's own head: read and placed, refined as an avatar would be, its picture carried back.

    request = RefineRequest(prompt="an old man with freckles")
    for event in run(UserHead(vertices=..., faces=..., uv=...), request): ...

`Shaped` comes first: the user's triangles in their order, in our frame, with the coordinates that the textures lie on.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np

from backend.faces.networks import FaceFinder
from backend.refinement.heads import Layout, PlacedHead, place
from backend.surface.user_head import UserHead

from . import refine
from .events import Finished, Painted, PipelineEvent, Progress, Shaped
from .head_request import HeadWish
from .refine_request import RefineRequest

READING = "reading the head"
SHARE = 0.06
"""Of the whole job, that reading takes."""


def run(
    head: UserHead,
    request: RefineRequest,
    wish: HeadWish | None = None,
    *,
    find_faces: Callable[[], FaceFinder] = FaceFinder,
    **settings: Any,
) -> Iterator[PipelineEvent]:
    """The events of one job; closing the iterator cancels it. `settings` are `refine.run`'s.

    Raises HeadError, AtlasError and whatever `refine.run` raises; all carry `message` and `hint`.
    """
    wish = wish or HeadWish(size=request.size)
    yield Progress(READING, 0.0)
    finder = find_faces()
    placed = place(head, finder, size=wish.size, layout=cast(Layout, wish.layout), up=wish.up, front=wish.front)
    size = placed.textures.size
    yield Progress(READING, SHARE)
    yield Shaped(placed.as_given())
    known = None if placed.coloured else np.zeros((size, size), bool)
    steps = refine.run(
        replace(request, size=size),
        placed.mesh,
        placed.textures,
        paintable=placed.paintable,
        known=known,
        find_faces=lambda: finder,
        **settings,
    )
    try:
        for event in steps:
            yield _told(event, placed)
    finally:
        cast(Generator[PipelineEvent, None, None], steps).close()


def _told(event: PipelineEvent, placed: PlacedHead) -> PipelineEvent:
    """The event as the head's owner hears it."""
    match event:
        case Progress():
            return replace(event, fraction=SHARE + (1 - SHARE) * event.fraction)
        case Painted():
            return replace(event, textures=placed.returned(event.textures))
        case Finished(recipe=recipe):
            head = {
                "layout": placed.layout,
                "face_found": placed.placing.error is not None,
                "scale": float(placed.placing.scale),
                "rotation": [[round(float(each), 5) for each in row] for row in placed.placing.rotation],
            }
            return Finished(recipe | {"head": head, "notes": [*placed.notes, *recipe.get("notes", ())]})
    return event
