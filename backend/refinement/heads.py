# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody's own head made ready for refinement, and the picture carried back.

    placed = place(head, finder, size=2048)            # our frame, one layout, what may change
    for textures in refiner(placed.mesh, placed.textures, placed.paintable): show(placed.returned(textures))

A refiner sees a mesh in our box with a texture, as an avatar's. The user's topology is never touched: the picture lies
on the coordinates that are there, or on new ones for the corners of the user's own polygons.
"""

import logging
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from ..faces.networks import FaceFinder
from ..surface.mesh import Mesh
from ..surface.own_layout import why_not
from ..surface.polygons import unwrap_polygons
from ..surface.user_head import HeadError, UserHead, checked
from ..surface.winding import outward
from ..texture.fill import GUTTER, fill
from ..texture.maps import TextureSet
from ..texture.raster import raster_uv
from ..texture.transfer import resized, transfer, weights
from .placing import CLAY, Placing, find_place

Layout = Literal["auto", "own", "new"]
LAYOUTS = ("auto", "own", "new")
"""Where the picture lies: on the head's coordinates, on new ones, or on its own where those can hold it."""
MIN_SIZE, MAX_SIZE, DEFAULT_SIZE = 256, 4096, 1024
TURNED = 0.01
"""Share of faces above which it is told that they looked inward."""
LOOK_TEXTURE = 1024
"""Side of the texture in which the face is looked for."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PlacedHead:
    """A head as refiners take it."""

    mesh: Mesh
    """In our box, head-sized; faces in the order of the user's triangles, UVs of `layout`."""
    textures: TextureSet
    """What is there, at level 0: the user's colours, or clay."""
    paintable: Float[np.ndarray, "T T"] | None
    """1: may change; None: all may."""
    placing: Placing
    """Where it came from."""
    layout: Literal["own", "new"]
    """Which coordinates the picture lies on."""
    coloured: bool
    """Whether the head had colours of its own."""
    notes: tuple[str, ...]
    """Sentences for the user."""
    turned: Bool[np.ndarray, " F"]
    """Faces that run the other way round than the user's."""
    around: UInt8[np.ndarray, "T T 3"] | None = None
    """The user's whole picture, where it lies on the same coordinates: what it shows beside the mesh is kept."""

    def as_given(self) -> Mesh:
        """The mesh in our box whose faces have their corners in the user's order."""
        faces = self.mesh.faces.copy()
        faces[self.turned] = faces[self.turned][:, ::-1]
        return Mesh(self.mesh.vertices, faces, self.mesh.uv)

    def returned(self, textures: TextureSet) -> TextureSet:
        """The textures with everything as it was that may not change."""
        albedo = textures.albedo
        if self.paintable is not None:
            kept = (self.paintable <= 0) & self.textures.coverage
            albedo = fill(np.where(kept[..., None], self.textures.albedo, albedo), textures.coverage)
        if self.around is not None:
            near = _near(self.textures.coverage)
            if self.paintable is not None:
                near = _near((self.paintable > 0) & self.textures.coverage)
            albedo = np.where(near[..., None], albedo, self.around)
        return replace(textures, albedo=np.ascontiguousarray(albedo))


def place(
    head: UserHead,
    finder: FaceFinder,
    *,
    size: int | None = None,
    layout: Layout = "auto",
    up: str | None = None,
    front: str | None = None,
) -> PlacedHead:
    """The head ready for refinement, its texture `size` texels a side (None: as large as the picture that is there).

    `up` and `front` are axes of the mesh's frame (`placing.AXES`) where the user names them. Raises HeadError, or
    AtlasError where no coordinates can be made.
    """
    if layout not in LAYOUTS:
        raise HeadError(f"there is no layout {layout!r}", f"Choose one of {', '.join(LAYOUTS)}.")
    head, notes = checked(head)
    size = _size(head, size)
    given = Mesh(head.vertices, head.faces, head.uv)
    problem = why_not(given)
    own = layout == "own" or (layout == "auto" and not problem)
    if layout == "own" and problem:
        raise HeadError(f"its texture coordinates {problem}", "Let the picture lie on a new UV layer.")
    if problem and head.uv is not None:
        notes = (*notes, f"its texture coordinates {problem}, so the picture lies on a new UV layer")
    given, turned = outward(given)
    if turned.mean() > TURNED:
        notes = (
            *notes,
            f"{int(turned.sum()):,} of {len(given.faces):,} faces look inward; they are seen from outside here",
        )
    placing = _find(head, given, finder, up, front)
    in_box = Mesh(placing.apply(given.vertices), given.faces, given.uv)
    if own:
        mesh, origin = in_box, np.arange(len(in_box.vertices))
    else:
        polygons = np.arange(len(head.faces)) if head.polygons is None else head.polygons
        mesh, origin = _split(in_box, unwrap_polygons(in_box, polygons, size))
    raster = raster_uv(mesh, size)
    covered = raster.face >= 0
    source = head.uv if head.image_uv is None else head.image_uv
    albedo = np.full((size, size, 3), CLAY, np.uint8)
    around = None
    if head.image is not None and source is not None:
        if own and head.image_uv is None:
            around = resized(head.image, size)
            albedo[covered] = around[covered]
        else:
            albedo[covered] = transfer(head.image, source[origin], mesh, raster)
    textures = TextureSet(fill(albedo, covered), covered, 0)
    paintable = _paintable(head, origin, mesh, raster, covered)
    notes = (*notes, *placing.notes)
    kind: Literal["own", "new"] = "own" if own else "new"
    return PlacedHead(mesh, textures, paintable, placing, kind, _coloured(head), notes, turned, around)


def _coloured(head: UserHead) -> bool:
    """Whether there is a picture, and more on it than one colour."""
    return head.image is not None and bool((head.image != head.image[:1, :1]).any())


def _size(head: UserHead, size: int | None) -> int:
    if size is None:
        side = DEFAULT_SIZE if head.image is None else max(head.image.shape[:2])
        return int(np.clip(1 << int(np.ceil(np.log2(max(side, 1)))), MIN_SIZE, MAX_SIZE))
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise HeadError(f"a texture has {MIN_SIZE} to {MAX_SIZE} texels a side, got {size}", "Choose another size.")
    return size


def _find(head: UserHead, mesh: Mesh, finder: FaceFinder, up: str | None, front: str | None) -> Placing:
    """By the colours first, which may show what the shape does not; then by the shape, which paint can hide."""
    source = head.uv if head.image_uv is None else head.image_uv
    clay: Placing | None = None
    if head.image is not None and source is not None:
        colours = resized(head.image, min(LOOK_TEXTURE, max(head.image.shape[:2])))
        seen = TextureSet(colours, np.ones(colours.shape[:2], bool), 0)
        dressed = find_place(Mesh(mesh.vertices, mesh.faces, np.mod(source, 1.0)), seen, finder, up, front)
        if dressed.error is not None:
            return dressed
        clay = dressed
    bare = find_place(mesh, None, finder, up, front)
    return clay if bare.error is None and clay is not None else bare


def _split(mesh: Mesh, corners: Float[np.ndarray, "F 3 2"]) -> tuple[Mesh, Int[np.ndarray, " W"]]:
    """The mesh with one vertex for each of its own at each place in the layout, and whose copy each is."""
    places = np.ascontiguousarray(corners.reshape(-1, 2), np.float32)
    keys = np.column_stack([mesh.faces.reshape(-1).astype(np.int64), places.view(np.int32)])
    _, first, numbers = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    origin = mesh.faces.reshape(-1)[first]
    faces = numbers.reshape(-1, 3).astype(np.int32)
    return Mesh(mesh.vertices[origin], faces, places[first]), origin


def _paintable(head, origin, mesh: Mesh, raster, covered: Bool[np.ndarray, "T T"]) -> Float[np.ndarray, "T T"] | None:
    if head.mask is None and head.weight is None:
        return None
    share = np.ones(int(covered.sum()), np.float32)
    if head.mask is not None and head.uv is not None:
        share *= weights(head.mask, head.uv[origin], mesh, raster)
    if head.weight is not None:
        share *= raster.interpolate(mesh.faces, head.weight[origin][:, None])[:, 0]
    if not share.any():
        raise HeadError("nothing of the head lies under the mask", "Paint white over parts of the head.")
    out = np.zeros(covered.shape, np.float32)
    out[covered] = share
    return out


def _near(coverage: Bool[np.ndarray, "T T"]) -> Bool[np.ndarray, "T T"]:
    """Texels on the mesh and its padding."""
    import cv2

    radius = max(2, round(GUTTER * len(coverage)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return cv2.dilate(coverage.astype(np.uint8), kernel) > 0
