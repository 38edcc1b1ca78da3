# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stranger would say of an avatar: sex, age group, skin tone, hair colour and length, read off its pictures.

The judge saw studio people only (`training.attributes`) and took no part in teaching the generator. Of held-out ones it
reads sex, skin tone, hair colour and hair length at 94 to 99 %, but age group at 60 % only: as small as it looks at
them, the middle-aged look young. What it reads of the studio's person is therefore told beside what it reads of the
avatar (`evaluation.parts`).
"""

import json
from functools import lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import safe_open
from torch import Tensor
from torch.nn import functional

from ..geometry.cameras import Camera, orbit
from ..models.judge import Judge, JudgeConfig
from ..studio.attributes import JUDGED, UNKNOWN, judged
from ..training.attributes import together

WEIGHTS = Path(__file__).with_name("attributes.safetensors")
"""Beside it, `attributes.json` holds the accuracy on held-out studio people."""
AZIMUTHS = (0.0, -0.5, 0.5, 1.2)
ELEVATION = 0.05


def judge_cameras() -> list[Camera]:
    """Where the judge wants to look from: the front, both sides of it, and the profile, which shows hair's length."""
    return [orbit(azimuth, ELEVATION) for azimuth in AZIMUTHS]


def load_judge(path: Path = WEIGHTS) -> Judge:
    """The shipped judge, or another."""
    with safe_open(path, "pt") as stored:
        config = JudgeConfig.from_json(json.loads(stored.metadata()["config"]))
        weights = {name: stored.get_tensor(name).float() for name in stored.keys()}  # noqa: SIM118
    judge = Judge(config)
    judge.load_state_dict(weights)
    return judge.eval().requires_grad_(False)


@lru_cache(1)
def shipped_judge() -> Judge:
    """`load_judge()`, read once."""
    return load_judge()


@torch.inference_mode()
def verdict(pictures: Float[Tensor, "V H W 3"], judge: Judge | None = None) -> dict[str, str]:
    """What several pictures of one avatar, over white in [0, 1], show: question of `JUDGED` -> answer."""
    judge = judge or shipped_judge()
    size = judge.config.image_size
    shown = pictures.permute(0, 3, 1, 2).float().clamp(0, 1)
    if shown.shape[-1] != size:
        shown = functional.interpolate(shown, (size, size), mode="area")
    answers = together(judge(shown))
    return {name: list(JUDGED[name][1])[answer] for name, answer in answers.items()}


def wanted(record: dict) -> dict[str, str]:
    """The right answers for a person's record; what has none, such as the colour of shaved hair, is left out."""
    return {name: list(JUDGED[name][1])[group] for name, group in judged(record).items() if group != UNKNOWN}


def agreement(verdicts: list[dict[str, str]], truths: list[dict[str, str]]) -> dict[str, float]:
    """Share of people for whom the judge reads what was asked for, by question, and the mean of those shares."""
    shares = {}
    for name in JUDGED:
        pairs = [(said[name], true[name]) for said, true in zip(verdicts, truths, strict=True) if name in true]
        if pairs:
            shares[name] = sum(said == true for said, true in pairs) / len(pairs)
    return {**shares, "mean": sum(shares.values()) / len(shares)} if shares else {}
