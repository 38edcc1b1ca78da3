# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the hair is in pictures of heads, whatever its colour: what edits of hair are judged by."""

import json
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from ..models.hair_finder import HairFinder, HairFinderConfig

WEIGHTS = Path(__file__).with_name("hair.safetensors")
"""Its metadata holds the overlap with true hair on held-out people."""


def load_hair_finder(path: Path = WEIGHTS) -> HairFinder:
    """The shipped finder, or another."""
    with safe_open(path, "pt") as stored:
        config = HairFinderConfig.from_json(json.loads(stored.metadata()["config"]))
        weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
    finder = HairFinder(config)
    finder.load_state_dict(weights)
    return finder.eval().requires_grad_(False)


@lru_cache(1)
def shipped_hair_finder() -> HairFinder:
    """`load_hair_finder()`, read once."""
    return load_hair_finder()


def held_out_overlap(path: Path = WEIGHTS) -> float:
    """Intersection over union with true hair, on studio people that it never saw."""
    with safe_open(path, "pt") as stored:
        return float(stored.metadata()["overlap"])


@torch.inference_mode()
def hair_mask(pictures: Float[Tensor, "B 3 H W"], finder: HairFinder | None = None) -> Float[Tensor, "B 1 H W"]:
    """Probability that each pixel shows hair, of pictures over white in [0, 1]."""
    finder = finder or shipped_hair_finder()
    side = finder.config.side
    small = pictures.float().clamp(0, 1)
    if small.shape[-1] != side:
        small = functional.interpolate(small, (side, side), mode="area")
    found = finder(small).sigmoid()
    return functional.interpolate(found, pictures.shape[-2:], mode="bilinear", align_corners=False)


def hair_region(pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 H W"]:
    """Hair and what is near it (a thirtieth of the side), in [0, 1]: edges of strands are no part of the rest."""
    reach = max(1, round(pictures.shape[-1] / 30))
    return functional.max_pool2d(hair_mask(pictures), 2 * reach + 1, 1, reach)
