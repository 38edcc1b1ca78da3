# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of MakeHuman-format assets: base mesh, morph targets, garments, textures.

Frames of the files: decimetres, +Y up, +Z where the face looks. The formats are described in MakeHuman's manual;
these readers were written from the files themselves.
"""

import gzip
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

BODY_VERTICES = 13380
"""Vertices below this index are the visible body; later ones are helpers that garments are bound to."""
OPPOSITES = {"decr": "incr", "down": "up", "in": "out", "backward": "forward", "concave": "convex",
             "compress": "uncompress"}  # fmt: skip
SLIDER_GROUPS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek", "neck")


class PackError(Exception):
    """The asset folder lacks something; `message` says what, `hint` how to get it."""

    def __init__(self, message: str, hint: str = "Use the CC0 head pack, or a complete MakeHuman data folder.") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True, slots=True)
class Surface:
    """A polygon mesh as read from a file."""

    vertices: np.ndarray
    """Positions [V, 3] float32."""
    uv: np.ndarray
    """Texture coordinates [U, 2] float32, origin bottom left."""
    triangles: np.ndarray
    """Vertex indices [F, 3], fans of the polygons."""
    triangle_uv: np.ndarray
    """Indices into `uv` [F, 3]."""
    quads: np.ndarray
    """Vertex indices [Q, 4] of the body group's quads (base mesh only)."""
    quad_uv: np.ndarray
    """Indices into `uv` [Q, 4]."""


@dataclass(frozen=True, slots=True)
class Garment:
    """A mesh bound to the base mesh (.mhclo): hair, brows, eyes, clothes."""

    surface: Surface
    bound: np.ndarray
    """Base vertices [V, 3] that carry each vertex."""
    weights: np.ndarray
    """Their weights [V, 3]."""
    offsets: np.ndarray
    """Offsets [V, 3], to be scaled."""
    scale_from: dict[int, tuple[int, int, float]]
    """Per axis: two base vertices and the distance at which the scale is 1."""
    hides: np.ndarray
    """Base vertices that the garment covers."""
    texture: Path | None
    """Diffuse picture of its material."""

    def fit(self, base: np.ndarray) -> np.ndarray:
        """Positions [V, 3] on a deformed base mesh."""
        scale = np.ones(3, np.float32)
        for axis, (first, second, distance) in self.scale_from.items():
            scale[axis] = abs(base[first, axis] - base[second, axis]) / distance
        return (base[self.bound] * self.weights[..., None]).sum(1) + self.offsets * scale


class Pack:
    """An asset folder: the CC0 head pack, or the data folder of a MakeHuman or MPFB installation."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        if not (self.root / "3dobjs/base.obj").is_file():
            raise PackError(
                f"{self.root} holds no 3dobjs/base.obj",
                "Give the CC0 head pack or MakeHuman's data folder with --pack or MAQUETTE_PACK.",
            )
        self.base = read_obj(self.root / "3dobjs/base.obj", group="body")
        self.macros = self._read_macros()
        self.sliders = self._pair_sliders()

    def target(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Vertex indices and displacements of one morph target, named by its path below targets/."""
        return self.macros.get(name) or _read_target(self._target_path(name))

    def has_target(self, name: str) -> bool:
        """Whether the pack has that morph target."""
        return name in self.macros or self._target_path(name) is not None

    def names(self, kind: str) -> tuple[str, ...]:
        """Names of the garments of a kind: hair, eyebrows, eyelashes, clothes …"""
        return tuple(sorted({path.stem for path in (self.root / kind).glob("*/*.mhclo")}))

    def garment(self, kind: str, name: str) -> Garment:
        """One garment by kind and name."""
        found = sorted((self.root / kind).glob(f"*/{name}.mhclo"))
        if not found:
            raise PackError(f"{self.root / kind} has no garment {name}.mhclo")
        return _read_garment(found[0])

    def texture(self, kind: str, stem: str) -> Path:
        """A picture below a folder by its name without ending."""
        for path in sorted((self.root / kind).rglob(f"{stem}.*")):
            if path.suffix.lower() in (".png", ".jpg", ".jpeg"):
                return path
        raise PackError(f"{self.root / kind} has no picture {stem}")

    def _target_path(self, name: str) -> Path | None:
        for ending in (".target.gz", ".target"):
            path = self.root / "targets" / f"{name}{ending}"
            if path.is_file():
                return path
        return None

    def _read_macros(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The compact macro file of the head pack, if this pack has one; otherwise targets are read singly."""
        path = self.root / "targets/macrodetails/macro_bust.npz"
        if not path.is_file():
            return {}
        with np.load(path, allow_pickle=False) as stored:
            vertex, names = stored["vertex"], stored["name"]
            deltas = stored["delta_xyz_milli"].transpose(0, 2, 1).astype(np.float32) * 1e-3
        return {f"macrodetails/{name}": (vertex, delta) for name, delta in zip(names, deltas, strict=True)}

    @property
    def kept(self) -> np.ndarray:
        """Base vertices [V] bool that macro targets move: a bust-only pack leaves the rest unusable."""
        mask = np.ones(len(self.base.vertices), bool)
        if self.macros:
            mask[:] = False
            mask[next(iter(self.macros.values()))[0]] = True
        return mask

    def _pair_sliders(self) -> tuple[tuple[str, str, str | None, str], ...]:
        """(group, name, negative target, positive target) of every face slider, paired by file name."""
        sliders = []
        for group in SLIDER_GROUPS:
            files = (self.root / "targets" / group).glob("*.target*")
            names = {path.name.split(".target")[0] for path in files}
            for name in sorted(names):
                stem, _, last = name.rpartition("-")
                if f"{stem}-{OPPOSITES.get(last)}" in names:
                    sliders.append((group, f"{stem}:{last}", f"{group}/{name}", f"{group}/{stem}-{OPPOSITES[last]}"))
                elif last not in OPPOSITES.values() or not any(
                    f"{stem}-{low}" in names for low, high in OPPOSITES.items() if high == last
                ):
                    sliders.append((group, name, None, f"{group}/{name}"))
        return tuple(sliders)


def read_obj(path: Path, group: str | None = None) -> Surface:
    """Read a Wavefront mesh; with `group`, its quads of that group are listed too."""
    vertices, uv, triangles, triangle_uv, quads, quad_uv = [], [], [], [], [], []
    current = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            uv.append([float(word) for word in words[1:3]])
        elif words[0] == "g":
            current = words[1] if len(words) > 1 else ""
        elif words[0] == "f":
            corners = [word.split("/") for word in words[1:]]
            where = [int(corner[0]) - 1 for corner in corners]
            which = [int(corner[1]) - 1 if len(corner) > 1 and corner[1] else 0 for corner in corners]
            if group is not None and current == group and len(where) == 4:
                quads.append(where)
                quad_uv.append(which)
            for k in range(1, len(where) - 1):
                triangles.append((where[0], where[k], where[k + 1]))
                triangle_uv.append((which[0], which[k], which[k + 1]))
    as_index = lambda rows, width: np.array(rows, np.int32).reshape(-1, width)  # noqa: E731
    return Surface(
        np.array(vertices, np.float32), np.array(uv or [[0, 0]], np.float32),
        as_index(triangles, 3), as_index(triangle_uv, 3), as_index(quads, 4), as_index(quad_uv, 4),
    )  # fmt: skip


@lru_cache(256)
def load_image(path: Path, side: int | None = None) -> np.ndarray:
    """A picture as float32 RGBA in [0, 1], optionally resized to a square."""
    with Image.open(path) as image:
        image = image.convert("RGBA")
        if side is not None and image.size != (side, side):
            image = image.resize((side, side), Image.Resampling.LANCZOS)
        return np.asarray(image, np.float32) / 255


@lru_cache(4096)
def _read_target(path: Path | None) -> tuple[np.ndarray, np.ndarray]:
    if path is None:
        return np.zeros(0, np.int32), np.zeros((0, 3), np.float32)
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode(errors="replace")
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = [row for row in rows if len(row) >= 4]
    index = np.array([int(row[0]) for row in rows], np.int32)
    return index, np.array([[float(x) for x in row[1:4]] for row in rows], np.float32).reshape(-1, 3)


@lru_cache(128)
def _read_garment(path: Path) -> Garment:
    bound, weights, offsets, scale_from = [], [], [], {}
    hides: list[int] = []
    mesh = material = None
    section = ""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        key = words[0]
        if key in ("verts", "delete_verts"):
            section = key
            words = words[1:]
        if section == "verts" and key.isdigit():
            numbers = [float(word) for word in words]
            single = len(numbers) == 1
            bound.append([int(numbers[0])] * 3 if single else [int(x) for x in numbers[:3]])
            weights.append([1.0, 0.0, 0.0] if single else numbers[3:6])
            offsets.append(numbers[6:9] if len(numbers) >= 9 else [0.0, 0.0, 0.0])
        elif section == "delete_verts" and all(word == "-" or word.isdigit() for word in words):
            hides += _ranges(words)
        elif key in ("x_scale", "y_scale", "z_scale"):
            scale_from["xyz".index(key[0])] = (int(words[1]), int(words[2]), float(words[3]))
        elif key == "obj_file":
            mesh = path.parent / words[1]
        elif key == "material":
            material = path.parent / words[1]
    if mesh is None or not mesh.is_file():
        raise PackError(f"{path} names no mesh file that exists")
    return Garment(
        read_obj(mesh), np.array(bound, np.int32), np.array(weights, np.float32), np.array(offsets, np.float32),
        scale_from, np.array(hides, np.int32), _diffuse(material or path.with_suffix(".mhmat")),
    )  # fmt: skip


def _ranges(words: list[str]) -> list[int]:
    """Indices of a list such as `3 7 - 9`."""
    numbers: list[int] = []
    for k, word in enumerate(words):
        if word == "-":
            continue
        if k >= 2 and words[k - 1] == "-":
            numbers += range(numbers[-1] + 1, int(word) + 1)
        else:
            numbers.append(int(word))
    return numbers


def _diffuse(material: Path) -> Path | None:
    if not material.is_file():
        return None
    for line in material.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "diffuseTexture":
            path = (material.parent / words[1]).resolve()
            return path if path.is_file() else None
    return None
