# SPDX-License-Identifier: GPL-3.0-or-later
"""Which part of a head each pixel of a picture shows: skin, eyes, hair, clothes, ... (`studio.sittings.PARTS`)."""

import json
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float, Int
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from ..models.part_finder import PartFinder, PartFinderConfig

WEIGHTS = Path(__file__).with_name("parts.safetensors")
"""Its metadata holds the overlap of each part with the true one on held-out people."""
HAIR = 7
"""Number of a part."""


def load_part_finder(path: Path = WEIGHTS) -> PartFinder:
    """The shipped finder, or another."""
    with safe_open(path, "pt") as stored:
        config = PartFinderConfig.from_json(json.loads(stored.metadata()["config"]))
        weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
    finder = PartFinder(config)
    finder.load_state_dict(weights)
    return finder.eval().requires_grad_(False)


@lru_cache(1)
def shipped_part_finder() -> PartFinder:
    """`load_part_finder()`, read once."""
    return load_part_finder()


def held_out_overlaps(path: Path = WEIGHTS) -> dict[str, float]:
    """Intersection over union of each part with the true one, on studio people that the finder never saw."""
    with safe_open(path, "pt") as stored:
        return {str(name): float(share) for name, share in json.loads(stored.metadata()["overlaps"]).items()}


@torch.inference_mode()
def part_shares(pictures: Float[Tensor, "B 3 H W"], finder: PartFinder | None = None) -> Float[Tensor, "B K H W"]:
    """Probability of each part (the first: nothing) at each pixel, of pictures over white in [0, 1]."""
    finder = finder or shipped_part_finder()
    side = finder.config.side
    seen = pictures.float().clamp(0, 1)
    if seen.shape[-1] > side:
        seen = functional.interpolate(seen, (side, side), mode="area")
    elif seen.shape[-1] < side:
        seen = functional.interpolate(seen, (side, side), mode="bilinear", align_corners=False)
    found = finder(seen).softmax(1)
    if found.shape[-2:] == pictures.shape[-2:]:
        return found
    if pictures.shape[-1] < side:
        return functional.interpolate(found, pictures.shape[-2:], mode="area")
    return functional.interpolate(found, pictures.shape[-2:], mode="bilinear", align_corners=False)


def parts_of(pictures: Float[Tensor, "B 3 H W"], finder: PartFinder | None = None) -> Int[Tensor, "B H W"]:
    """The likeliest part of each pixel; 0 is nothing."""
    return part_shares(pictures, finder).argmax(1)


def hair_mask(pictures: Float[Tensor, "B 3 H W"], finder: PartFinder | None = None) -> Float[Tensor, "B 1 H W"]:
    """Probability that each pixel shows hair."""
    return part_shares(pictures, finder)[:, HAIR : HAIR + 1]


def part_region(pictures: Float[Tensor, "B 3 H W"], part: int) -> Float[Tensor, "B 1 H W"]:
    """A part and what is near it (a thirtieth of the side), in [0, 1]: edges of strands are no part of the rest."""
    reach = max(1, round(pictures.shape[-1] / 30))
    return functional.max_pool2d(part_shares(pictures)[:, part : part + 1], 2 * reach + 1, 1, reach)


def hair_region(pictures: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B 1 H W"]:
    """Hair and what is near it."""
    return part_region(pictures, HAIR)
