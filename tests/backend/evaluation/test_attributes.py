# SPDX-License-Identifier: GPL-3.0-or-later
import json

import torch

from backend.evaluation.attributes import WEIGHTS, agreement, judge_cameras, load_judge, verdict, wanted
from backend.studio.attributes import JUDGED
from tests.records import record


def test_right_answers_are_groups_of_the_record() -> None:
    told = wanted(record(0, male=True, years=70.0, tone=0.1, hair="long01", hair_colour="auburn"))
    assert told == {"sex": "male", "age group": "elderly", "skin tone": "fair", "hair colour": "red",
                    "hair length": "long"}  # fmt: skip
    assert "hair colour" not in wanted(record(0, hair=None))


def test_agreement_is_by_question_over_those_who_have_an_answer() -> None:
    truths = [{"sex": "male", "hair colour": "red"}, {"sex": "female"}]
    shares = agreement([{"sex": "male", "hair colour": "black"}, {"sex": "female", "hair colour": "red"}], truths)
    assert shares == {"sex": 1.0, "hair colour": 0.0, "mean": 0.5}


def test_the_judge_looks_from_the_front_first() -> None:
    first = judge_cameras()[0]
    assert abs(float(first.cam_to_world[0, 3])) < 1e-5 and float(first.cam_to_world[2, 3]) > 0


def test_the_shipped_judge_answers_every_question_and_says_how_well() -> None:
    assert WEIGHTS.stat().st_size < 3_000_000
    answers = verdict(torch.rand(2, 96, 96, 3), load_judge())
    assert {name: answer in JUDGED[name][1] for name, answer in answers.items()} == dict.fromkeys(JUDGED, True)
    scores = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert set(scores["accuracy"]) == set(JUDGED) and scores["held_out"] >= 50
