# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody's own head as it comes in: triangles of whatever mesh, in whatever frame and unit, and what dresses it.

Nothing here is ever sent back changed: the user's mesh stays where it is, and only pictures return to it. `checked`
takes what can be worked with and refuses the rest in a sentence.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int, UInt8

MOST_FACES = 2_000_000
MOST_BROKEN = 0.1
"""Share of faces at vertices without a finite place above which the mesh is not worked with."""
THINNEST = 0.02
"""Of the smallest extent over the largest: what is thinner is a sheet and no head."""
NOT_FINITE_UV = "the texture coordinates hold numbers that are not finite; new ones are made"


class HeadError(Exception):
    """A mesh or picture that cannot be worked with; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class UserHead:
    """A mesh and its pictures. Vertices are split where any of their values differ between faces."""

    vertices: Float[np.ndarray, "V 3"]
    """Positions float32, right-handed, any frame and unit."""
    faces: Int[np.ndarray, "F 3"]
    """Vertex numbers int32, in the order in which coordinates and pictures are carried back."""
    polygons: Int[np.ndarray, " F"] | None = None
    """Number of the polygon that each triangle is part of; None: triangles are polygons."""
    uv: Float[np.ndarray, "V 2"] | None = None
    """The texture coordinates that the user paints with, origin bottom left; None: there are none."""
    image: UInt8[np.ndarray, "H W 3"] | None = None
    """The colours that are there, sRGB, top row first; None: there are none."""
    image_uv: Float[np.ndarray, "V 2"] | None = None
    """Where `image` lies, if not at `uv`: several pictures come as one with coordinates of its own."""
    mask: UInt8[np.ndarray, "M N"] | None = None
    """Over `uv`: 255 may change, 0 stays; None: all may."""
    weight: Float[np.ndarray, " V"] | None = None
    """1 may change, 0 stays, at each vertex; None: all may."""


def checked(head: UserHead) -> tuple[UserHead, tuple[str, ...]]:
    """The head with nothing in it that would fail later, and sentences about what was left out.

    Faces keep their number and order; those that cannot be placed lose their area. Raises HeadError.
    """
    if not len(head.faces):
        raise HeadError("the mesh has no faces", "Choose an object with a surface; edges and points alone are none.")
    if len(head.faces) > MOST_FACES:
        raise HeadError(
            f"the mesh has {len(head.faces):,} triangles; {MOST_FACES:,} are the limit",
            "Refine a decimated copy: the picture fits the dense mesh as well if both share their coordinates.",
        )
    if head.faces.min() < 0 or head.faces.max() >= len(head.vertices):
        raise HeadError(
            f"faces point at vertices that are not there ({len(head.vertices):,} are)", "The file is damaged."
        )
    _check_lengths(head)
    head, notes = _without_broken(head)
    corners = head.vertices[head.faces]
    extent = np.ptp(corners.reshape(-1, 3).astype(np.float64), axis=0)
    if not extent.max() > 0:
        raise HeadError("all vertices lie at one point", "Scale the object up, or choose another one.")
    if extent.min() < THINNEST * extent.max():
        raise HeadError("the mesh is as flat as a sheet", "Choose the object that is the head.")
    if head.uv is not None and not np.isfinite(head.uv[head.faces]).all():
        head, notes = replace(head, uv=None), (*notes, NOT_FINITE_UV)
    if head.image is not None and (head.uv if head.image_uv is None else head.image_uv) is None:
        head = replace(head, image=None)
        notes = (*notes, "the picture that is there has no texture coordinates, so it is left out of account")
    return _check_paintable(head), notes


def _check_lengths(head: UserHead) -> None:
    count = len(head.vertices)
    for name, held in (("uv", head.uv), ("image_uv", head.image_uv), ("weight", head.weight)):
        if held is not None and len(held) != count:
            raise HeadError(
                f"{name} must have one row for each of {count:,} vertices, got {len(held):,}", "Send them together."
            )
    if head.polygons is not None and len(head.polygons) != len(head.faces):
        raise HeadError(
            f"polygons must have one number for each of {len(head.faces):,} triangles, got {len(head.polygons):,}",
            "Send them together.",
        )
    for name, picture in (("picture", head.image), ("mask", head.mask)):
        if picture is not None and not picture.size:
            raise HeadError(f"the {name} has no pixels", "Choose another image, or none.")
    if head.image is not None and head.image_uv is not None and not np.isfinite(head.image_uv[head.faces]).all():
        raise HeadError("the picture's texture coordinates are not finite", "Choose another UV layer.")


def _without_broken(head: UserHead) -> tuple[UserHead, tuple[str, ...]]:
    """Vertices without a finite place put in the middle, and the faces at them drawn together to a point."""
    broken = ~np.isfinite(head.vertices).all(1)
    lost = broken[head.faces].any(1)
    if not broken.any():
        return head, ()
    if lost.mean() > MOST_BROKEN:
        raise HeadError(
            f"{int(broken.sum()):,} of {len(broken):,} vertices have no finite place",
            "Something has damaged the mesh; undo it, or delete those vertices.",
        )
    vertices = head.vertices.copy()
    vertices[broken] = vertices[~broken].mean(0, dtype=np.float64)
    faces = head.faces.copy()
    faces[lost] = faces[lost][:, :1]
    notes = (f"{int(lost.sum())} triangles have no finite place and keep their colours",) if lost.any() else ()
    return replace(head, vertices=vertices, faces=faces), notes


def _check_paintable(head: UserHead) -> UserHead:
    if head.mask is not None and head.uv is None:
        raise HeadError(
            "a mask picture needs the texture coordinates it was painted with, and the mesh has none",
            "Use a vertex group instead, or unwrap the mesh first.",
        )
    if head.mask is not None and not head.mask.any():
        raise HeadError("the mask is black everywhere", "Paint white what may change.")
    if head.weight is None:
        return head
    weight = np.clip(np.nan_to_num(head.weight), 0, 1).astype(np.float32)
    if not weight[head.faces].any():
        raise HeadError("no face of the mesh is in the vertex group", "Give weight to what may change.")
    return replace(head, weight=weight)
