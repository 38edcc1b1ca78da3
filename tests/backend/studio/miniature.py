# SPDX-License-Identifier: GPL-3.0-or-later
"""A complete asset folder in MakeHuman's formats, made of ellipsoids: small to write, real to read."""

from pathlib import Path

import numpy as np
from PIL import Image

from backend.studio.assets import BODY_VERTICES
from backend.studio.people import CHIN, CROWN, FACE_BACK, FACE_FRONT, LIP_CENTRE

TOTAL_VERTICES = 14742 + 72
"""Body, helpers and both eyes, as far as the studio looks."""
RINGS, SEGMENTS = 60, 223
LANDMARKS = {
    CHIN: (0, 6.16, 1.0), CROWN: (0, 8.49, 0.6), FACE_BACK: (0, 7.6, -0.4), FACE_FRONT: (0, 7.6, 1.5),
    LIP_CENTRE: (0, 6.63, 1.45),
}  # fmt: skip


def write_pack(root: Path) -> Path:
    """Write the folder and return it."""
    vertices = _base_mesh(root / "3dobjs/base.obj")
    nose = np.flatnonzero((np.abs(vertices[:, 0]) < 0.2) & (np.abs(vertices[:, 1] - 7) < 0.2) & (vertices[:, 2] > 1.2))
    for name, push in (("nose/nose-scale-horiz-decr", -0.1), ("nose/nose-scale-horiz-incr", 0.1)):
        _target(root, name, nose, [push, 0, 0])
    _target(root, "head/head-round", nose, [0, 0, 0.05])
    _target(root, "macrodetails/caucasian-male-young", nose, [0, 0, 0.02])
    for kind, name, colour in (
        ("hair", "short04", (90, 60, 30)), ("eyebrows", "eyebrow001", (40, 30, 20)),
        ("eyelashes", "eyelashes01", (20, 20, 20)), ("teeth", "teeth_base", (240, 240, 230)),
        ("tongue", "tongue01", (200, 80, 80)), ("clothes", "male_suit", (30, 60, 160)),
        ("clothes", "female_suit", (160, 60, 30)), ("clothes", "fedora", (30, 30, 30)),
    ):  # fmt: skip
        _garment(root, kind, name, vertices, colour)
    _garment(root, "eyes", "high-poly", vertices, (255, 255, 255))
    for eye in ("brown", "brownlight", "blue", "lightblue", "deepblue", "bluegreen", "green", "grey", "ice"):
        _picture(root / f"eyes/materials/{eye}_eye.png", (90, 60, 40))
    for band in ("young", "middleage", "old"):
        for sex in ("male", "female"):
            for tone, colour in (("lightskinned", (220, 180, 160)), ("darkskinned", (110, 75, 60))):
                for ending in ("", "2"):
                    _picture(root / f"skins/textures/{band}_{tone}_{sex}_diffuse{ending}.jpg", colour)
    return root


def _base_mesh(path: Path) -> np.ndarray:
    """An ellipsoidal head that widens into a bust, its special vertices where the real ones lie."""
    polar = np.linspace(0.01, np.pi - 0.01, RINGS)
    turn = np.arange(SEGMENTS) / SEGMENTS * 2 * np.pi
    height = 7.0 + 1.5 * np.cos(polar)
    low = np.clip(6.3 - height, 0, None)
    radius = np.sin(polar) * 0.85 + 2.5 * low
    height = height - 3 * low
    grid = np.stack([np.outer(radius, np.sin(turn)), np.repeat(height[:, None], SEGMENTS, 1),
                     np.outer(radius, np.cos(turn)) + 0.55], -1).reshape(-1, 3)  # fmt: skip
    order = np.arange(BODY_VERTICES)
    for index, place in LANDMARKS.items():
        nearest = int(np.argmin(np.linalg.norm(grid[order] - place, axis=1)))
        order[[index, nearest]] = order[[nearest, index]]
    position_of = np.argsort(order)
    vertices = np.zeros((TOTAL_VERTICES, 3))
    vertices[:BODY_VERTICES] = grid[order]
    for first, side in ((14598, 1), (14670, -1)):
        vertices[first : first + 72] = [side * 0.3, 7.28, 1.25]
    rows, columns = np.meshgrid(np.arange(RINGS - 1), np.arange(SEGMENTS), indexing="ij")
    corner = lambda row, column: (row * SEGMENTS + column % SEGMENTS).ravel()  # noqa: E731
    quads = np.stack([corner(rows, columns), corner(rows + 1, columns), corner(rows + 1, columns + 1),
                      corner(rows, columns + 1)], 1)  # fmt: skip
    uv = np.stack([(quads % SEGMENTS) / SEGMENTS, 1 - (quads // SEGMENTS) / RINGS], -1).reshape(-1, 2)
    lines = [f"v {x:.5f} {y:.5f} {z:.5f}" for x, y, z in vertices]
    lines += [f"vt {u:.5f} {v:.5f}" for u, v in uv] + ["g body"]
    for k, quad in enumerate(position_of[quads]):
        lines.append("f " + " ".join(f"{vertex + 1}/{4 * k + corner + 1}" for corner, vertex in enumerate(quad)))
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(lines))
    return vertices


def _target(root: Path, name: str, index: np.ndarray, push: list[float]) -> None:
    path = root / f"targets/{name}.target"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# a morph\n" + "\n".join(f"{i} {push[0]} {push[1]} {push[2]}" for i in index))


def _garment(root: Path, kind: str, name: str, vertices: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Two triangles that hang a little outside the head, half of them transparent."""
    folder = root / kind / name
    folder.mkdir(parents=True)
    bound = [FACE_FRONT, CROWN, FACE_BACK, LIP_CENTRE]
    lines = ["v 0 0 0"] * 4 + ["vt 0 0", "vt 0.45 0", "vt 0.45 1", "vt 0 1", "f 1/1 2/2 3/3", "f 1/1 3/3 4/4"]
    (folder / f"{name}.obj").write_text("\n".join(lines))
    rows = [f"{a} {a} {a} 1 0 0 0 0.1 0.1" for a in bound[:3]] + [str(bound[3])]
    hidden = "delete_verts\n10 - 12 20\n" if kind == "clothes" else ""
    (folder / f"{name}.mhclo").write_text(
        f"# bound mesh\nname {name}\nobj_file {name}.obj\nmaterial {name}.mhmat\n"
        f"x_scale {FACE_BACK} {CHIN} 1.0\nverts 0\n" + "\n".join(rows) + "\n" + hidden
    )
    (folder / f"{name}.mhmat").write_text(f"diffuseTexture {name}.png\n")
    _picture(folder / f"{name}.png", colour)


def _picture(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).integers(-20, 20, (32, 32, 1))
    picture = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    if path.suffix == ".png":
        coverage = np.full((32, 32, 1), 255, np.uint8)
        coverage[:, 16:] = 0
        picture = np.concatenate([picture, coverage], -1)
    Image.fromarray(picture).save(path)
