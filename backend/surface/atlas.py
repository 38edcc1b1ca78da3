# SPDX-License-Identifier: GPL-3.0-or-later
"""Texture coordinates by xatlas, in a process of its own with a time limit: for meshes that cannot be laid flat in few
charts.

xatlas takes time like faces^1.6, and on some meshes it never ends.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from .mesh import Mesh

SECONDS = 20.0
"""Time for a mesh of 20,000 faces; it grows with the number of faces."""
ROOT = Path(__file__).resolve().parents[2]


class AtlasError(Exception):
    """A mesh that could not be unwrapped; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def atlas(mesh: Mesh, texture_size: int, padding: int, seconds: float | None = None) -> Mesh:
    """The mesh with `uv`, vertices on chart borders split; faces keep their order. `padding` is in texels.

    Raises AtlasError.
    """
    limit = seconds or SECONDS * max(1.0, len(mesh.faces) / 20_000)
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        file = Path(folder, "mesh.npz")
        np.savez(file, vertices=mesh.vertices, faces=mesh.faces, size=texture_size, padding=padding)
        command = [sys.executable, "-m", "backend.surface.atlas", str(file)]
        try:
            done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise AtlasError(
                f"unwrapping {len(mesh.faces):,} faces took longer than {limit:.0f} seconds", "Ask for fewer faces."
            ) from error
        if done.returncode:
            raise AtlasError("the mesh could not be unwrapped", "Ask for fewer faces, or bring texture coordinates.")
        with np.load(Path(folder, "atlas.npz")) as found:
            return Mesh(mesh.vertices[found["origin"]], found["faces"].astype(np.int32), found["uv"])


def main(path: Path) -> None:
    """Unwrap the mesh of a file; `atlas.npz` is written beside it."""
    import xatlas

    with np.load(path) as given:
        made = xatlas.Atlas()
        made.add_mesh(given["vertices"].astype(np.float32), given["faces"].astype(np.uint32))
        packing = xatlas.PackOptions()
        packing.resolution, packing.padding, packing.bilinear = int(given["size"]), int(given["padding"]), True
    made.generate(xatlas.ChartOptions(), packing)
    origin, faces, uv = made[0]
    np.savez(path.with_name("atlas.npz"), origin=origin, faces=faces, uv=np.clip(uv, 0, 1).astype(np.float32))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
