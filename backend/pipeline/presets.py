# SPDX-License-Identifier: GPL-3.0-or-later
"""Named sets of numbers: how long an avatar may take and how fine it becomes."""

from dataclasses import dataclass

REFINERS = ("resample", "sharpen", "reproject", "diffuse-local", "diffuse-sd")
"""Names of the texture refiners, the keys of `refinement.REFINERS`, which takes longer to import."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """The numbers of one level of quality."""

    steps: int
    """Denoising steps."""
    resolution: int
    """Lattice nodes along one edge of the box when the surface is extracted."""
    faces: int
    """Triangles after simplification, at most."""
    texture_size: int
    """Side of the final texture, texels."""
    maps: bool = True
    """Whether normals, occlusion and roughness are baked beside the finished colours."""
    refiners: tuple[str, ...] = ("resample", "sharpen", "reproject")
    """Texture refiners in order. Those that need a portrait are left out where there is none, and `sharpen` where a
    portrait says better what the face is like, or where the model is another than the one that it learned from."""


PRESETS = {
    "draft": Preset(
        steps=8, resolution=128, faces=8_000, texture_size=512, maps=False, refiners=("resample", "reproject")
    ),
    "standard": Preset(steps=12, resolution=192, faces=20_000, texture_size=1024),
    "high": Preset(steps=15, resolution=256, faces=30_000, texture_size=2048),
}
DEFAULT_PRESET = "standard"
PREVIEW_TEXTURE_SIZE = 256
"""Side of the first texture, which follows the mesh at once."""
