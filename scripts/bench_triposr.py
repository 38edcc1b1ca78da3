# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR's own functions, imported from a check-out and timed on a field of ours; nothing of it is copied.

Its query runs with random planes and a decoder of our size (cost does not depend on values), so that both programs pay
for the same network. Its marching cubes, torchmcubes, needs a compiler and is not on package indexes: scikit-image's,
the fastest at hand, stands in.
"""

import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

CHUNK = 8192
"""What TripoSR's run.py uses."""
RADIUS = 0.87


class Peer:
    """A check-out of TripoSR with a decoder as large as ours."""

    def __init__(self, folder: Path, channels: int, hidden: int, layers: int, side: int) -> None:
        sys.path.insert(0, str(folder))
        for name in ("torchmcubes", "rembg"):  # imported at its top, used by none of the functions timed here
            if name not in sys.modules:
                stub: Any = types.ModuleType(name)
                stub.marching_cubes = stub.remove = stub.new_session = None
                sys.modules[name] = stub
        from tsr.models.nerf_renderer import TriplaneNeRFRenderer
        from tsr.models.network_utils import NeRFMLP

        self.renderer: Any = TriplaneNeRFRenderer(
            {"radius": RADIUS, "feature_reduction": "mean", "density_activation": "exp", "density_bias": -1.0}
        )
        self.renderer.set_chunk_size(CHUNK)
        self.decoder: Any = NeRFMLP(
            {"in_channels": channels, "n_neurons": hidden, "n_hidden_layers": layers, "activation": "silu"}
        )
        self.scene = torch.randn(3, channels, side, side) * 0.1

    def query(self, resolution: int) -> float:
        """Seconds to ask every node of a grid."""
        axis = torch.linspace(-RADIUS, RADIUS, resolution)
        points = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
        started = time.perf_counter()
        with torch.no_grad():
            self.renderer.query_triplane(self.decoder, points, self.scene)
        return time.perf_counter() - started

    def atlas(self, vertices: np.ndarray, faces: np.ndarray, size: int) -> tuple[dict[str, np.ndarray], float]:
        """Its unwrapping of a mesh, and the seconds it took."""
        import trimesh
        from tsr.bake_texture import make_atlas

        mesh = trimesh.Trimesh(vertices, faces, process=False)
        started = time.perf_counter()
        atlas = make_atlas(mesh, size, round(max(2, size / 256)))
        return atlas, time.perf_counter() - started

    def bake(self, vertices: np.ndarray, atlas: dict[str, np.ndarray], size: int) -> tuple[float, float]:
        """Seconds of its rasterisation and of its colour query; the first needs an OpenGL that works headless."""
        import moderngl
        import trimesh
        import tsr.bake_texture as theirs

        create = moderngl.create_context
        moderngl.create_context = lambda **given: create(standalone=True, backend="egl")
        try:
            mesh = trimesh.Trimesh(vertices, atlas["indices"][:0], process=False)
            mesh.vertices = vertices
            started = time.perf_counter()
            positions = theirs.rasterize_position_atlas(
                mesh, atlas["vmapping"], atlas["indices"], atlas["uvs"], size, round(max(2, size / 256))
            )
            drawn = time.perf_counter()
        finally:
            moderngl.create_context = create
        self._colours(positions, size)
        return drawn - started, time.perf_counter() - drawn

    def colours(self, size: int) -> float:
        """Seconds of its colour query alone; it asks every texel, filled or not."""
        started = time.perf_counter()
        self._colours(np.ones((size, size, 4), np.float32), size)
        return time.perf_counter() - started

    def _colours(self, positions: np.ndarray, size: int) -> None:
        from tsr.bake_texture import positions_to_colors

        model: Any = types.SimpleNamespace(renderer=self.renderer, decoder=self.decoder)
        positions_to_colors(model, self.scene, positions, size)
