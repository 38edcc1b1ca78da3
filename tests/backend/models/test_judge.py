# SPDX-License-Identifier: GPL-3.0-or-later
import json

import torch

from backend.models.judge import Judge, JudgeConfig


def test_every_question_is_answered() -> None:
    judge = Judge(JudgeConfig.tiny())
    answers = judge(torch.rand(2, 3, 32, 32))
    assert {name: tuple(logits.shape) for name, logits in answers.items()} == {"sex": (2, 2), "age group": (2, 3)}
    sum(logits.sum() for logits in answers.values()).backward()
    assert all(parameter.grad is not None for parameter in judge.parameters())


def test_configurations_survive_json() -> None:
    config = JudgeConfig.tiny()
    assert JudgeConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_the_default_fits_into_three_megabytes_of_half_precision() -> None:
    judge = Judge(JudgeConfig(questions={"sex": 2, "age group": 3, "skin tone": 3, "hair colour": 5, "hair length": 5}))
    assert 2 * sum(parameter.numel() for parameter in judge.parameters()) < 3_000_000
