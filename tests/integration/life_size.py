# SPDX-License-Identifier: GPL-3.0-or-later
"""A runner that sends what real avatars weigh, without computing them: for measuring the other end."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from blender_addon.protocol import Event, Finished, JobRequest, MeshReady, Progressed, TextureReady

STEPS = 12
STEP_SECONDS = 0.25
STAGE_SECONDS = 0.5
SIDES = {"draft": (256, 512, 512), "standard": (256, 1024, 1024), "high": (256, 2048, 2048)}
"""Of the textures, in the order in which they come."""
RINGS = {"draft": 64, "standard": 100, "high": 122}
"""A sphere of so many rings and segments has 8, 20 and 30 thousand triangles."""


class LifeSize:
    """A sphere with a grainy texture."""

    def __init__(self, device: str) -> None:
        self.capabilities: dict[str, Any] = {"synthesizers": ["tiny"], "refiners": ["paint"], "device": device}

    def run(self, request: JobRequest) -> Iterator[Event]:
        job_id, random = request.job_id, np.random.default_rng(request.seed)
        for step in range(STEPS):
            picture = random.integers(0, 256, (128, 128, 3), dtype=np.uint8)
            yield Progressed(job_id, "sampling", 0.6 * step / STEPS, (STEPS - step) * STEP_SECONDS, picture)
            time.sleep(STEP_SECONDS)
        yield sphere(job_id, RINGS[request.preset])
        for level, side in enumerate(SIDES[request.preset]):
            yield Progressed(job_id, "painting", 0.6 + 0.1 * level, (3 - level) * STAGE_SECONDS, None)
            time.sleep(STAGE_SECONDS)
            maps = finest(random, side) if level == 2 else ()
            yield TextureReady(job_id, level, texels(random, side), level == 2, *maps)
        yield Finished(job_id, recipe_of(request, random))


def finest(random: np.random.Generator, side: int) -> tuple[np.ndarray[Any, Any], ...]:
    """Normals, occlusion and roughness as grainy as the colours."""
    grain = texels(random, side)
    return texels(random, side), np.ascontiguousarray(grain[..., 0]), np.ascontiguousarray(grain[..., 1])


def recipe_of(request: JobRequest, random: np.random.Generator) -> dict[str, Any]:
    """With a source as long as a real one: it squeezes as badly."""
    return {
        "kind": request.kind,
        "seed": request.seed,
        "preset": request.preset,
        "options": dict(request.options),
        "portrait": None,
        "source": base64.b64encode(random.bytes(75_000)).decode(),
    }


def texels(random: np.random.Generator, side: int) -> np.ndarray[Any, Any]:
    """Skin from afar: soft patches under a fine grain, which squeezes about as badly as real textures do."""
    patches = np.kron(random.integers(90, 190, (side // 16, side // 16, 3)), np.ones((16, 16, 1), np.int64))
    return (patches + random.integers(-6, 7, (side, side, 3))).astype(np.uint8)


def sphere(job_id: str, rings: int) -> MeshReady:
    """Rings times segments quads, UVs by longitude and latitude, split at the seam."""
    v, u = np.meshgrid(np.linspace(0, 1, rings + 1), np.linspace(0, 1, rings + 1), indexing="ij")
    polar, around = np.pi * (1 - v), 2 * np.pi * u
    points = np.stack([np.sin(polar) * np.sin(around), np.cos(polar), np.sin(polar) * np.cos(around)], axis=-1)
    corner = (np.arange(rings)[:, None] * (rings + 1) + np.arange(rings)).reshape(-1)
    lower = np.stack([corner, corner + 1, corner + rings + 2], axis=1)
    upper = np.stack([corner, corner + rings + 2, corner + rings + 1], axis=1)
    # At the poles one of a quad's triangles has no area.
    faces = np.concatenate([lower[rings:], upper[:-rings]])
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)
    return MeshReady(
        job_id,
        np.ascontiguousarray(0.7 * points.reshape(-1, 3), np.float32),
        np.ascontiguousarray(faces, np.int32),
        np.ascontiguousarray(uv, np.float32),
    )
