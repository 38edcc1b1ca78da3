#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 (the checkout is put on the path first)
"""Bad meshes and pictures, and what each is answered: the table of docs/refining.md, from the code's own words.

    python scripts/bad_heads.py                 # prints the table; exit status 1 if anything but a sentence came out

Files are read through Blender (the bpy module), meshes are placed, portraits are looked at by the face networks.
"""

import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import bpy
import numpy as np
from PIL import Image

from backend.faces.networks import FaceFinder
from backend.faces.portrait import load_portrait
from backend.refinement.heads import place
from backend.surface.user_head import UserHead
from blender_addon import head_files
from blender_addon.scene import head as reading

PORTRAIT = ROOT / "assets/portraits/bluford.jpg"
Case = tuple[str, Callable[[], str]]


def globe(columns: int = 32, rows: int = 24) -> UserHead:
    """An egg with coordinates, triangles of quads, in metres."""
    turn, tilt = np.meshgrid(np.linspace(0, 2 * np.pi, columns + 1), np.linspace(0.02, np.pi - 0.02, rows + 1))
    places = np.stack([0.08 * np.sin(tilt) * np.sin(turn), 0.12 * np.cos(tilt), 0.1 * np.sin(tilt) * np.cos(turn)], -1)
    uv = np.stack([0.02 + 0.96 * turn / (2 * np.pi), 0.98 - 0.96 * tilt / np.pi], -1)
    row, column = np.mgrid[0:rows, 0:columns]
    a = (row * (columns + 1) + column).reshape(-1)
    b, c, d = a + 1, a + columns + 1, a + columns + 2
    faces = np.stack([a, c, d, a, d, b], 1).reshape(-1, 3)
    return UserHead(
        vertices=places.reshape(-1, 3).astype(np.float32),
        faces=faces.astype(np.int32),
        polygons=np.repeat(np.arange(len(a)), 2).astype(np.int32),
        uv=uv.reshape(-1, 2).astype(np.float32),
    )


def meshes(finder: FaceFinder) -> Iterator[Case]:
    """As arrays, after Blender has read them."""
    egg = globe()
    uv, polygons = egg.uv, egg.polygons
    assert uv is not None and polygons is not None

    def placed(**changes: Any) -> Callable[[], str]:
        def answer() -> str:
            made = place(replace(egg, **changes), finder, size=256)
            notes = [note for note in made.notes if "no face was recognised" not in note]
            layer = "on its own UVs" if made.layout == "own" else "on a new UV layer"
            return f"taken, {layer}" + "".join(f"; {note}" for note in notes)

        return answer

    def damaged(array: np.ndarray, rows: Any, value: float) -> np.ndarray:
        out = array.copy()
        out[rows] = value
        return out

    many = np.random.default_rng(0).uniform(size=len(egg.faces)) < 0.4
    mixed = egg.faces.copy()
    mixed[many] = mixed[many][:, ::-1]
    fin = np.concatenate([egg.faces, [[40, 41, 300], [40, 41, 500]]]).astype(np.int32)
    flat = np.concatenate([egg.faces, [[7, 7, 7], [9, 9, 10]]]).astype(np.int32)
    dense = globe(1000, 505)
    loose = np.concatenate([egg.vertices, egg.vertices * np.float32(0.2) + np.float32(0.2)])
    yield "no faces", placed(faces=egg.faces[:0])
    yield "faces at vertices that are not there", placed(faces=egg.faces + np.int32(200))
    yield "a few vertices that are NaN", placed(vertices=damaged(egg.vertices, [400, 401], np.nan))
    yield "half the vertices infinite", placed(vertices=damaged(egg.vertices, slice(0, 400), np.inf))
    yield "all vertices at one point", placed(vertices=np.ones_like(egg.vertices))
    yield "a flat sheet", placed(vertices=egg.vertices * np.array([1, 1, 0], np.float32))
    yield "faces without area", placed(faces=flat, polygons=np.append(polygons, [9998, 9999]))
    yield "edges of three and four faces", placed(faces=fin, polygons=np.append(polygons, [9998, 9999]))
    yield (
        "an open border (the lower half is missing)",
        placed(faces=egg.faces[: len(egg.faces) // 2], polygons=polygons[: len(egg.faces) // 2]),
    )
    yield (
        "loose parts",
        placed(
            vertices=loose,
            faces=np.concatenate([egg.faces, egg.faces + len(egg.vertices)]),
            polygons=np.concatenate([polygons, polygons + 5000]),
            uv=np.concatenate([uv * np.float32(0.5), uv * np.float32(0.4) + np.float32(0.55)]),
        ),
    )
    yield "inside out", placed(faces=np.ascontiguousarray(egg.faces[:, ::-1]))
    yield "faces that look in and out at random", placed(faces=mixed)
    yield (
        "a million triangles",
        placed(**{name: getattr(dense, name) for name in ("vertices", "faces", "polygons", "uv")}),
    )
    yield "more than two million", placed(faces=np.broadcast_to(np.int32(0), (2_000_001, 3)), polygons=None)
    yield "no UVs", placed(uv=None)
    yield "UVs that are NaN", placed(uv=damaged(uv, [300], np.nan))
    yield (
        "both halves on the same UVs",
        placed(uv=np.stack([np.abs(uv[:, 0] - 0.5), uv[:, 1]], 1).astype(np.float32)),
    )
    yield "UVs in several tiles (UDIM)", placed(uv=uv * np.array([3, 1], np.float32))
    yield "all UVs at one point", placed(uv=np.full_like(uv, 0.5))
    yield "a vertex group without members", placed(weight=np.zeros(len(egg.vertices), np.float32))
    yield "a mask that is black", placed(mask=np.zeros((8, 8), np.uint8))
    yield "a mask image but no UVs", placed(mask=np.full((8, 8), 255, np.uint8), uv=None)


def files(folder: Path) -> Iterator[Case]:
    """Through Blender's importers."""

    def read(name: str, content: bytes | None, then: Callable[[], None] | None = None) -> Callable[[], str]:
        def answer() -> str:
            if content is not None:
                (folder / name).write_bytes(content)
            found = head_files.load(folder / name)
            made = reading.read(found[0])
            notes = "".join(f"; {note}" for note in made.notes)
            return f"taken, {len(set(made.polygons.tolist()))} polygons as {len(made.faces)} triangles{notes}"

        return answer

    corners = "".join(f"v {np.cos(t):.4f} {np.sin(t):.4f} {z}\n" for z in (0, 1) for t in np.arange(8) * np.pi / 4)
    prism = corners + "f 8 7 6 5 4 3 2 1\nf 9 10 11 12 13 14 15 16\n"
    prism += "".join(f"f {k + 1} {(k + 1) % 8 + 1} {(k + 1) % 8 + 9} {k + 9}\n" for k in range(8))
    yield "no such file", read("none.obj", None)
    yield "a document (.docx)", read("head.docx", b"PK\3\4")
    yield "an empty .obj", read("empty.obj", b"")
    yield ".obj of points and edges", read("edges.obj", b"v 0 0 0\nv 1 0 0\nl 1 2\n")
    yield ".obj with n-gons (a prism of octagons)", read("prism.obj", prism.encode())
    yield ".obj whose faces point beyond its vertices", read("beyond.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n")
    yield "text called .glb", read("text.glb", b"this is no scene")
    yield "a .fbx cut short", read("short.fbx", b"Kaydara FBX Binary  \0\x1a\0")
    yield "a .stl without triangles", read("bare.stl", b"solid head\nendsolid head\n")
    yield "a .ply cut short", read("short.ply", b"ply\nformat ascii 1.0\nelement vertex 9\nend_header\n0 0 0\n")
    yield "a damaged .blend", read("damaged.blend", b"BLENDER-v999 and nothing more")


def pictures(finder: FaceFinder) -> Iterator[Case]:
    """Portraits."""

    def looked(content: bytes) -> Callable[[], str]:
        def answer() -> str:
            notes = load_portrait(content, finder).notes
            return "taken" + "".join(f"; {note}" for note in notes)

        return answer

    whole = PORTRAIT.read_bytes()
    with Image.open(PORTRAIT) as opened:
        photo = opened.convert("RGB")

    def saved(picture: Image.Image, kind: str = "PNG") -> bytes:
        content = io.BytesIO()
        picture.save(content, kind)
        return content.getvalue()

    side_by_side = Image.new("RGB", (2 * photo.width, photo.height))
    side_by_side.paste(photo, (0, 0))
    side_by_side.paste(photo.resize((photo.width // 2, photo.height // 2)), (photo.width + 40, 100))
    yield "a text file as portrait", looked(b"Dear model, here is my face.")
    yield "a JPEG cut in half", looked(whole[: len(whole) // 2])
    yield "an empty file as portrait", looked(b"")
    yield "noise", looked(saved(Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))))
    yield "a face of a few pixels", looked(saved(photo.resize((photo.width // 9, photo.height // 9))))
    yield "half a face", looked(saved(photo.crop((0, 0, photo.width // 2, photo.height))))
    yield "two faces", looked(saved(side_by_side))
    yield "upside down", looked(saved(photo.rotate(180)))
    yield (
        "black and white, 16 bits",
        looked(saved(Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257))),
    )


def answered(case: Callable[[], str]) -> tuple[str, bool]:
    """The answer in a sentence, and whether it was one."""
    try:
        return case(), True
    except Exception as error:
        message = getattr(error, "message", None) or (str(error) if isinstance(error, reading.HeadError) else None)
        if message is None:
            return f"{type(error).__name__}: {error}", False
        hint = getattr(error, "hint", "")
        return f"refused: {message}. {hint}".strip(), True


def main() -> int:
    finder = FaceFinder(threads=1)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    good = True
    rows: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bad-heads-") as folder:
        for kind, cases in (
            ("file", files(Path(folder))),
            ("mesh", meshes(finder)),
            ("picture", pictures(finder)),
        ):
            for name, case in cases:
                words, sentence = answered(case)
                good &= sentence
                rows.append(f"| {len(rows) + 1} | {kind} | {name} | {words.replace(folder, '').replace('|', '/')} |")
    sys.stdout.write("| | what | came in | answer |\n| --- | --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
