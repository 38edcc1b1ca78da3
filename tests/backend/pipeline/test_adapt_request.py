# SPDX-License-Identifier: GPL-3.0-or-later
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.adaptation.plan import AdaptPlan
from backend.pipeline.adapt import plan_of
from backend.pipeline.adapt_request import KEEPS, OPTIONS, SIDE, STEPS, AdaptRequest, adapt_request
from backend.pipeline.request import RequestError

ROOT = Path(__file__).parents[3]
SAID = {"sentence": "a marble statue"}


def asked(**options: Any) -> AdaptRequest:
    return adapt_request(SAID | options, "draft", 7, "job")


def test_options_become_a_request_and_a_plan() -> None:
    request = asked(name="marble", synthesizer="heads", keep="rest", steps=30, guidance=12, negative="gold", side=32,
                    prior="studio", texture_size=128)  # fmt: skip
    assert (request.name, request.model, request.keep, request.steps) == ("marble", "heads", "rest", 30)
    plan = plan_of(request, "heads")
    assert (plan.prompt, plan.negative, plan.steps, plan.side, plan.seed) == ("a marble statue", "gold", 30, 32, 7)
    assert plan.distillation.guidance == 12.0 and plan.keep == "rest"
    head = request.first_head("marble")
    assert (head.synthesizer, head.seed, head.preset, head.job_id) == ("marble", 7, "draft", "job")
    assert head.numbers.texture_size == 128


def test_what_is_not_said_is_left_to_the_library() -> None:
    usual = AdaptPlan(prompt="a marble statue", model="heads", seed=7)
    assert plan_of(asked(), "heads") == usual and asked().first_head("x").numbers.faces == 8000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sentence": ""}, "one line of 1 to"),
        ({"sentence": "two\nlines"}, "one line"),
        ({"sentence": "a" * 401}, "one line"),
        ({"sentence": 3}, "one line"),
        ({"negative": 3}, "a negative is one line"),
        ({"name": "../../etc/passwd"}, "cannot be called"),
        ({"name": 4}, "a name is a word"),
        ({"synthesizer": "../x"}, "no generator called"),
        ({"keep": "nothing"}, "no keep 'nothing'"),
        ({"keep": ["people"]}, "no keep"),
        ({"prior": "midjourney"}, "no prior"),
        ({"steps": 0}, f"steps is a whole number from {STEPS[0]}"),
        ({"steps": 3.5}, "whole number"),
        ({"steps": True}, "whole number"),
        ({"guidance": float("nan")}, "guidance is a number"),
        ({"side": SIDE[1] + 1}, "side is a whole number"),
        ({"texture_size": 3}, "texture_size"),
        ({"strength": 1}, "no option 'strength'"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(options: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words) as raised:
        asked(**options)
    assert len(raised.value.message) < 250


def test_a_style_needs_a_sentence_and_a_known_preset() -> None:
    with pytest.raises(RequestError, match="needs a sentence"):
        adapt_request({}, "draft", 0, "job")
    with pytest.raises(RequestError, match="no preset"):
        adapt_request(SAID, "ultra", 0, "job")


def test_the_fingerprint_names_what_is_computed_and_not_what_it_is_called() -> None:
    plain = asked().fingerprint("abc")
    assert asked(name="other", texture_size=128).fingerprint("abc") == plain
    assert len({plain, asked(steps=9).fingerprint("abc"), asked(keep="rest").fingerprint("abc"),
                asked().fingerprint("abd")}) == 4  # fmt: skip


def test_everything_that_may_be_said_can_be() -> None:
    assert set(OPTIONS) == {"sentence", "name", "synthesizer", "keep", "steps", "guidance", "negative", "side", "prior",
                            "resolution", "faces", "texture_size", "refiners"}  # fmt: skip
    assert all(asked(keep=keep).keep == keep for keep in KEEPS)


def test_the_server_can_check_it_without_torch() -> None:
    program = (
        "import sys; from backend.pipeline.adapt_request import adapt_request;"
        "adapt_request({'sentence': 'x'}, 'draft', 0, ''); print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False"]
