# SPDX-License-Identifier: GPL-3.0-or-later
"""OBJ, glTF, PLY and STL files as textured parts, whatever way they are coloured."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int, UInt8

from ...studio.people import Part
from .errors import SourceError

if TYPE_CHECKING:
    import trimesh

SUFFIXES = (".obj", ".glb", ".gltf", ".ply", ".stl")
MOST_FACES = 2_000_000
GREY = (178, 178, 178, 255)
"""What has no colour, sRGB."""
UNSET = ((102, 102, 102), (100, 100, 100))
"""The greys that the library gives to a material without a colour and without a picture."""
CUTOUT_SHARE = 0.005
"""A part with at least this share of transparent area is made of cards, such as hair."""

# The library logs what it cannot find; what matters of that is told in notes.
logging.getLogger("trimesh").setLevel(logging.CRITICAL)


def read_parts(path: Path) -> tuple[tuple[Part, ...], list[str]]:
    """Parts of a file in its own frame (vertices float64), and notes.

    Raises SourceError for what is not a mesh of finite triangles.
    """
    import trimesh

    if path.suffix.lower() not in SUFFIXES:
        raise SourceError(f"{path.name} is not a mesh that can be read", f"Give one of {', '.join(SUFFIXES)}.")
    try:
        loaded = trimesh.load(path, process=False)
    except Exception as error:  # each format's reader has errors of its own
        raise SourceError(
            f"{path.name} cannot be read as a {path.suffix[1:].upper()} mesh: {_short(error)}",
            "Open it in Blender and export it again, as GLB for example.",
        ) from error
    scene = loaded if isinstance(loaded, trimesh.Scene) else trimesh.Scene(loaded)
    parts, notes, bare = [], [], 0
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        mesh = scene.geometry[name]
        if not isinstance(mesh, trimesh.Trimesh) or not len(mesh.faces):
            continue
        part, coloured = _part(mesh, transform, name)
        parts.append(part)
        bare += not coloured
    _check(path, parts)
    if bare:
        which = "nothing in it has" if bare == len(parts) else f"{bare} of its {len(parts)} parts have no"
        notes.append(f"{path.name}: {which} colours, so grey is taken.")
    if missing := _missing_pictures(path):
        notes.append(f"{path.name}: its pictures {', '.join(missing)} are not there, so flat colours are taken.")
    return tuple(parts), notes


def has_cutouts(parts: tuple[Part, ...]) -> bool:
    """Whether part of the surface is made invisible by transparent texels, as hair on cards is."""
    transparent = total = 0.0
    for part in parts:
        if part.texture[..., 3].min() > 127:
            clear = np.zeros(len(part.triangles))
        else:
            clear = (_coverage(part) < 128).mean(1)
        corners = part.vertices[part.triangles]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        transparent += float((clear * area).sum())
        total += float(area.sum())
    return transparent > CUTOUT_SHARE * total


def _part(mesh: "trimesh.Trimesh", transform: np.ndarray, name: str) -> tuple[Part, bool]:
    """One geometry, placed by its node; and whether it has colours of its own."""
    vertices = np.asarray(mesh.vertices, np.float64) @ transform[:3, :3].T + transform[:3, 3]
    triangles = np.asarray(mesh.faces, np.int64)
    uv, texture, coloured = _colours(mesh)
    if np.linalg.det(transform[:3, :3]) < 0:  # a mirrored node would turn the part inside out
        triangles, uv = triangles[:, ::-1], uv[:, ::-1]
    # UVs are kept per corner, so vertices that were split for them can be one again.
    places, welded = np.unique(vertices, axis=0, return_inverse=True)
    return Part(name, places, welded.reshape(-1)[triangles], uv.astype(np.float32), texture), coloured


def _colours(mesh: "trimesh.Trimesh") -> tuple[Float[np.ndarray, "F 3 2"], UInt8[np.ndarray, "T U 4"], bool]:
    """Corner UVs, a picture with coverage, and whether the file said anything about colour."""
    faces = np.asarray(mesh.faces)
    visual = mesh.visual
    middle = np.full((len(faces), 3, 2), 0.5)
    if visual.kind == "texture":
        picture, factor = _material(visual.material)
        if picture is not None and visual.uv is not None and np.isfinite(visual.uv).all():
            return np.asarray(visual.uv, np.float64)[faces], _multiplied(picture, factor), True
        coloured = factor is not None
        return middle, np.array(factor if coloured else GREY, np.uint8).reshape(1, 1, 4), coloured
    if visual.kind == "vertex":
        return *corner_atlas(np.asarray(visual.vertex_colors)[faces]), True
    if visual.kind == "face":
        return *corner_atlas(np.repeat(np.asarray(visual.face_colors)[:, None], 3, 1)), True
    return middle, np.array(GREY, np.uint8).reshape(1, 1, 4), False


def corner_atlas(
    colours: UInt8[np.ndarray, "F 3 4"],
) -> tuple[Float[np.ndarray, "F 3 2"], UInt8[np.ndarray, "T T 4"]]:
    """UVs and a picture whose bilinear lookup gives colours that are linear over each triangle.

    Each triangle has 2 x 2 texels of its own; three are its corners, the fourth completes the plane through them, as
    far as bytes reach.
    """
    side = max(1, int(np.ceil(np.sqrt(len(colours)))))
    fourth = colours[:, 1].astype(np.int64) + colours[:, 2] - colours[:, 0]
    blocks = np.zeros((side * side, 2, 2, 4), np.uint8)
    blocks[: len(colours)] = np.stack([colours[:, 0], colours[:, 1], colours[:, 2], fourth.clip(0, 255)], 1).reshape(
        -1, 2, 2, 4
    )
    texture = blocks.reshape(side, side, 2, 2, 4).swapaxes(1, 2).reshape(2 * side, 2 * side, 4)
    row, column = np.divmod(np.arange(len(colours)), side)
    corner = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 1.5]])  # texel centres: first, right of it, below it
    places = np.stack([2 * column, 2 * row], 1)[:, None] + corner
    return np.stack([places[..., 0], 2 * side - places[..., 1]], -1) / (2 * side), texture


def _material(material: object) -> tuple[UInt8[np.ndarray, "T U 4"] | None, tuple[int, ...] | None]:
    """Base colour picture and factor (sRGB bytes) of a material; None for what it does not have."""
    import trimesh

    if isinstance(material, trimesh.visual.material.PBRMaterial):
        picture = material.baseColorTexture
        factor = material.baseColorFactor
        rgba = None if picture is None else np.array(picture.convert("RGBA"))
        if rgba is not None and material.alphaMode in (None, "OPAQUE"):
            rgba[..., 3] = 255
        elif rgba is not None and material.alphaMode == "MASK":
            cut = 255 * (0.5 if material.alphaCutoff is None else float(material.alphaCutoff))
            rgba[..., 3] = np.where(rgba[..., 3] >= cut, 255, 0)
        return rgba, None if factor is None else _encoded(factor)
    picture = getattr(material, "image", None)
    rgba = None if picture is None else np.array(picture.convert("RGBA"))
    if rgba is not None and rgba.size <= 16 and tuple(rgba.reshape(-1, 4)[0, :3]) in UNSET:
        rgba = None
    diffuse = tuple(int(value) for value in np.asarray(getattr(material, "diffuse", UNSET[0])).reshape(-1)[:3])
    return rgba, None if diffuse in UNSET else (*diffuse, 255)


def _encoded(factor: object) -> tuple[int, ...]:
    """A linear glTF factor (bytes, as the library keeps it) as sRGB bytes."""
    values = np.asarray(factor, float).reshape(-1)
    values = values / 255 if values.max() > 1 else values
    linear = np.append(values, 1.0)[:4] if len(values) == 3 else values
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)
    return (*(int(value) for value in (srgb[:3] * 255 + 0.5).clip(0, 255)), int(linear[3] * 255 + 0.5))


def _multiplied(picture: UInt8[np.ndarray, "T U 4"], factor: tuple[int, ...] | None) -> UInt8[np.ndarray, "T U 4"]:
    """The picture times the factor. sRGB values are multiplied as they are: a tint is a power of light in both."""
    if factor is None or min(factor[:3]) >= 254 or max(factor[:3]) == 0:
        return picture  # white does nothing; black beside a picture is an exporter's habit
    tint = np.array([*factor[:3], 255]) / 255
    return (picture * tint + 0.5).astype(np.uint8)


def _coverage(part: Part) -> Int[np.ndarray, "F K"]:
    """Coverage at four places in each triangle, 0 to 255."""
    shares = np.array([[1, 1, 1], [4, 1, 1], [1, 4, 1], [1, 1, 4]]) / np.array([[3], [6], [6], [6]])
    uv = np.einsum("kc,fcd->fkd", shares, part.uv) % 1
    height, width = part.texture.shape[:2]
    row = ((1 - uv[..., 1]) * height).astype(int).clip(0, height - 1)
    column = (uv[..., 0] * width).astype(int).clip(0, width - 1)
    return part.texture[row, column, 3].astype(np.int64)


def _check(path: Path, parts: list[Part]) -> None:
    faces = sum(len(part.triangles) for part in parts)
    if not faces:
        raise SourceError(f"{path.name} holds no triangles", "Points and curves have no surface: give a mesh.")
    if faces > MOST_FACES:
        raise SourceError(
            f"{path.name} has {faces} triangles, {MOST_FACES} can be fitted",
            "Reduce it first, with Blender's Decimate modifier for example.",
        )
    for part in parts:
        if part.triangles.min() < 0 or part.triangles.max() >= len(part.vertices):
            raise SourceError(f"{path.name} has faces of vertices that do not exist", "Export it again.")
        if bad := int((~np.isfinite(part.vertices).all(1)).sum()):
            raise SourceError(
                f"{path.name} has {bad} of {len(part.vertices)} vertices at places that are not numbers",
                "Repair it where it was made.",
            )


def _missing_pictures(path: Path) -> list[str]:
    """Pictures that an OBJ's materials name and that are not there; a missing material file counts too."""
    if path.suffix.lower() != ".obj":
        return []
    missing = []
    for library in _named(path, "mtllib"):
        file = path.parent / library
        if not file.is_file():
            missing.append(library)
            continue
        missing += [name for name in _named(file, "map_Kd") if not (file.parent / name.split()[-1]).is_file()
                    and not (file.parent / name).is_file()]  # fmt: skip
    return missing


def _named(file: Path, keyword: str) -> list[str]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.split(None, 1)[1].strip() for line in lines if line.strip().lower().startswith(keyword.lower() + " ")]


def _short(error: Exception) -> str:
    """An exception as part of a sentence."""
    text = " ".join(str(error).split())
    return (text[:120] if text else type(error).__name__).rstrip(".")
