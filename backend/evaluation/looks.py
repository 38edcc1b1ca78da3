# SPDX-License-Identifier: GPL-3.0-or-later
"""Which look a stranger would see: a judge that saw studio people in all looks, soft and noisy, and took no part in
teaching anything that makes them."""

import json
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from ..models.judge import Judge, JudgeConfig
from ..studio.looks import LOOKS
from ..training.look_judging import QUESTION

WEIGHTS = Path(__file__).with_name("looks.safetensors")
"""Its metadata holds the accuracy on held-out people, by look."""


def load_look_judge(path: Path = WEIGHTS) -> Judge:
    """The shipped judge, or another."""
    with safe_open(path, "pt") as stored:
        config = JudgeConfig.from_json(json.loads(stored.metadata()["config"]))
        weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
        if json.loads(stored.metadata()["looks"]) != [look.name for look in LOOKS]:
            raise ValueError(f"{path.name} tells other looks apart than the studio has; train it again")
    judge = Judge(config)
    judge.load_state_dict(weights)
    return judge.eval().requires_grad_(False)


@lru_cache(1)
def shipped_look_judge() -> Judge:
    """`load_look_judge()`, read once; gradients pass through it, whoever asks for it first."""
    with torch.inference_mode(False):
        return load_look_judge()


def held_out_accuracy(path: Path = WEIGHTS) -> dict[str, float]:
    """Share of right answers on studio people that it never saw, by look, and their mean."""
    with safe_open(path, "pt") as stored:
        found: dict[str, float] = json.loads(stored.metadata()["accuracy"])
    return found


@torch.inference_mode()
def looks_of(pictures: Float[Tensor, "B 3 H W"], judge: Judge | None = None) -> list[str]:
    """The look of each picture, over white in [0, 1]."""
    judge = judge or shipped_look_judge()
    return [LOOKS[answer].name for answer in look_logits(pictures, judge).argmax(1).tolist()]


def look_logits(pictures: Float[Tensor, "B 3 H W"], judge: Judge) -> Float[Tensor, "B L"]:
    """A number for each look of each picture; gradients reach the pictures."""
    side = judge.config.image_size
    if pictures.shape[-1] != side:
        pictures = functional.interpolate(pictures, (side, side), mode="area")
    return judge(pictures.float().clamp(0, 1))[QUESTION]


def share_in(look: str, pictures: Float[Tensor, "B 3 H W"], judge: Judge | None = None) -> float:
    """Share of the pictures that are in a look."""
    found = looks_of(pictures, judge)
    return sum(each == look for each in found) / len(found)
