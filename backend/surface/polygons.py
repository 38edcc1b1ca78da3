# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture coordinates for somebody's mesh: no polygon is cut in two, whatever triangles it was made of.

Coordinates belong to the corners of polygons there. Where a cut runs through a polygon, its smaller part is laid beside
its larger one, rigidly, before charts are packed.
"""

import logging

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from .atlas import atlas
from .flatten import FlattenError, pieces
from .layout import lay_out
from .mesh import Mesh, compact
from .overlap import covered_twice
from .unwrap import packed

NO_AREA = 1e-10
"""Of a face over the mean below which it has no place in the texture."""
SLIVER = 1e-9

log = logging.getLogger(__name__)


def unwrap_polygons(mesh: Mesh, polygons: Int[np.ndarray, " F"], texture_size: int) -> Float[np.ndarray, "F 3 2"]:
    """A place in [0, 1]^2 for each corner; corners of one polygon at one vertex share theirs.

    The mesh stands in the canonical frame. Faces without area take the place of a neighbour. Raises AtlasError.
    """
    solid = _solid(mesh)
    part = compact(mesh.vertices, mesh.faces[solid])
    try:
        charts, flat = lay_out(part)
    except FlattenError as error:
        log.info("left to xatlas: %s", error)
        charts = atlas(part, texture_size, max(2, texture_size // 256))
        flat = _in_lengths(charts)
    made = packed(*whole(charts, flat, part.welded()[part.faces], polygons[solid]))
    assert made.uv is not None
    corners = np.zeros((len(mesh.faces), 3, 2), np.float32)
    corners[solid] = made.uv[made.faces]
    _fill_in(corners, solid, mesh.welded()[mesh.faces], polygons)
    return corners


def whole(
    charts: Mesh,
    flat: Complex[np.ndarray, " V"],
    joined: Int[np.ndarray, "F 3"],
    polygons: Int[np.ndarray, " F"],
) -> tuple[Mesh, Complex[np.ndarray, " W"]]:
    """Charts without cuts inside polygons; `joined` has one number for each place in space. Faces keep their order.

    A polygon that would then lie on others becomes a chart of its own.
    """
    faces = charts.faces.astype(np.int64)
    vertices, places = [charts.vertices], [flat]
    count = len(flat)
    mended: list[np.ndarray] = []
    for rows in _cut(faces, joined, polygons):
        corners, fresh, flat_fresh = _mended(charts, flat, faces[rows], joined[rows], count)
        faces[rows] = corners
        vertices.append(charts.vertices[fresh])
        places.append(flat_fresh)
        count += len(fresh)
        mended.append(rows)
    if not mended:
        return charts, flat
    log.info("%d polygons were cut and are whole again", len(mended))
    mesh = Mesh(np.concatenate(vertices).astype(np.float32), faces.astype(np.int32))
    return _apart(mesh, np.concatenate(places), mended)


def _solid(mesh: Mesh) -> Bool[np.ndarray, " F"]:
    joined = mesh.welded()[mesh.faces]
    area = mesh.areas()
    return (joined != np.roll(joined, 1, 1)).all(1) & (area > NO_AREA * area.mean(dtype=np.float64))


def _cut(
    faces: Int[np.ndarray, "F 3"], joined: Int[np.ndarray, "F 3"], polygons: Int[np.ndarray, " F"]
) -> list[Int[np.ndarray, " K"]]:
    """The triangles of each polygon in which a place in space has several numbers in the layout."""
    owner = np.repeat(polygons.astype(np.int64), 3)
    order = np.lexsort((faces.reshape(-1), joined.reshape(-1), owner))
    owner, place, number = (each[order] for each in (owner, joined.reshape(-1), faces.reshape(-1)))
    clash = (owner[1:] == owner[:-1]) & (place[1:] == place[:-1]) & (number[1:] != number[:-1])
    bad = np.flatnonzero(np.isin(polygons, owner[1:][clash]))
    bad = bad[np.argsort(polygons[bad], kind="stable")]
    return np.split(bad, np.flatnonzero(np.diff(polygons[bad])) + 1) if len(bad) else []


def _mended(charts: Mesh, flat, faces, joined, count: int):
    """Corners of a polygon with one number for each place, the vertices that new numbers copy, and where they lie."""
    points = charts.vertices.astype(np.float64)
    sizes = [float(np.linalg.norm(np.cross(points[b] - points[a], points[c] - points[a]))) for a, b, c in faces]
    first = int(np.argmax(sizes))
    known = dict(zip(joined[first].tolist(), faces[first].tolist(), strict=True))
    lies = {number: complex(flat[number]) for number in known.values()}
    fresh: list[int] = []
    left = [row for row in range(len(faces)) if row != first]
    while left:
        # The triangle that shares most corners with what lies already.
        row = max(left, key=lambda each: sum(corner in known for corner in joined[each].tolist()))
        left.remove(row)
        for turn in range(3):
            a, b, c = np.roll(joined[row], -turn).tolist()
            if c in known or a not in known or b not in known:
                continue
            own = np.roll(faces[row], -turn)
            number = count + len(fresh)
            lies[number] = _beside(lies[known[a]], lies[known[b]], *(points[each] for each in own))
            known[c] = number
            fresh.append(int(own[2]))
        for corner, number in zip(joined[row].tolist(), faces[row].tolist(), strict=True):
            if corner not in known:  # not joined by an edge: it keeps its place
                known[corner] = number
                lies[number] = complex(flat[number])
    corners = np.array([[known[corner] for corner in row] for row in joined.tolist()])
    return corners, np.array(fresh, np.int64), np.array([lies[count + each] for each in range(len(fresh))], complex)


def _beside(one: complex, two: complex, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> complex:
    """Where the third corner of a triangle lies flat, the first two given; not turned over."""
    along = b - a
    square = max(float(along @ along), SLIVER**2)
    share = float((c - a) @ along) / square
    height = float(np.linalg.norm(np.cross(along, c - a))) / square
    return one + (two - one) * complex(share, height)


def _apart(mesh: Mesh, flat: Complex[np.ndarray, " V"], mended: list) -> tuple[Mesh, Complex[np.ndarray, " W"]]:
    """Mended polygons that lie on others cut out as charts of their own."""
    # Numbers without gaps: vertices that no face uses any more are pieces, too.
    chart = np.unique(pieces(mesh.faces, len(flat))[mesh.faces[:, 0]], return_inverse=True)[1].reshape(-1)
    mended_rows = np.concatenate(mended)
    # What comes later in the order is said to lie on what came before: mended ones last.
    last = np.zeros(len(mesh.faces), bool)
    last[mended_rows] = True
    order = np.argsort(last, kind="stable")
    bad = np.zeros(len(mesh.faces), bool)
    bad[order] = covered_twice(Mesh(mesh.vertices, mesh.faces[order]), flat, chart[order])
    faces = mesh.faces.astype(np.int64)
    origin = [np.arange(len(flat))]
    count = len(flat)
    for rows in mended:
        if bad[rows].any():
            used, corners = np.unique(faces[rows], return_inverse=True)
            faces[rows] = corners.reshape(-1, 3) + count
            origin.append(used)
            count += len(used)
    source = np.concatenate(origin)
    used, corners = np.unique(faces, return_inverse=True)
    source = source[used]
    return Mesh(mesh.vertices[source], corners.reshape(-1, 3).astype(np.int32)), flat[source]


def _in_lengths(mesh: Mesh) -> Complex[np.ndarray, " V"]:
    """An atlas in lengths of the surface."""
    assert mesh.uv is not None
    flat = mesh.uv[:, 0].astype(np.float64) + 1j * mesh.uv[:, 1]
    corners = flat[mesh.faces]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs((first.conj() * second).imag).sum() / 2
    return flat * np.sqrt(mesh.areas().sum(dtype=np.float64) / max(area, 1e-12))


def _fill_in(
    corners: Float[np.ndarray, "F 3 2"],
    solid: Bool[np.ndarray, " F"],
    joined: Int[np.ndarray, "F 3"],
    polygons: Int[np.ndarray, " F"],
) -> None:
    """Corners of faces without area: the place of the same corner of the same polygon, else of any (in place)."""
    if solid.all():
        return
    count = int(joined.max()) + 1
    wanted = ~solid
    for keys in (joined, polygons[:, None].astype(np.int64) * count + joined):
        known, first = np.unique(keys[solid], return_index=True)
        at = np.minimum(np.searchsorted(known, keys[wanted]), len(known) - 1)
        found = known[at] == keys[wanted]
        rows = corners[wanted]
        rows[found] = corners[solid].reshape(-1, 2)[first[at[found]]]
        corners[wanted] = rows
