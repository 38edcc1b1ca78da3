# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from typing import Any

import pytest

from backend.pipeline import adapt_request as pipeline
from backend.weights import library
from blender_addon import styles
from blender_addon.protocol import JobRequest, Welcome, encode
from blender_addon.styles import Style, StyleWish, adaptable, free_name, style_request, why_no_style

MARBLE = {"prompt": "a marble statue", "model": "heads", "keep": "people", "created": "2026-01-02", "job_id": "a"}
ABLE: dict[str, Any] = {
    "kinds": ["avatar", "adapt"],
    "synthesizers": ["rodin", "heads", "marble"],
    "synthesizer_inputs": {"rodin": ["seed"], "heads": ["seed"], "marble": ["seed"]},
    "adaptable": ["heads", "marble"],
    "styles": {"marble": MARBLE},
}
WELCOME = Welcome("0.1.0", "s", ABLE, {})
OLD = Welcome("0.0.9", "s", {"kinds": ["avatar"]}, {})
WISH = StyleWish(sentence="a bronze bust", seed=3, preset="draft")


def test_styles_are_what_the_backend_tells() -> None:
    assert styles.styles(WELCOME) == [Style("marble", "a marble statue", "heads", "people", "2026-01-02")]
    assert adaptable(WELCOME) == ["heads", "marble"]
    for strange in ({}, {"styles": [1], "adaptable": "x"}, {"styles": {"a": 1}, "adaptable": [3]}):
        welcome = Welcome("9", "s", strange, {})
        assert styles.styles(welcome) == [] and adaptable(welcome) == []
    assert styles.styles(None) == [] and adaptable(None) == []


def test_a_wish_becomes_a_request_that_the_backend_takes() -> None:
    request = style_request(replace(WISH, keep="rest", model="heads", steps=9), WELCOME, "A bronze bust")
    assert isinstance(request, JobRequest)
    encode(request)
    assert (request.kind, request.seed, request.preset, request.label) == ("adapt", 3, "draft", "A bronze bust")
    read = pipeline.adapt_request(request.options, request.preset, request.seed, request.job_id)
    assert (read.sentence, read.name, read.keep, read.model, read.steps) == (
        "a bronze bust", "a-bronze-bust", "rest", "heads", 9,
    )  # fmt: skip


def test_the_usual_is_left_to_the_backend() -> None:
    request = style_request(WISH)
    assert isinstance(request, JobRequest)
    assert request.options == {"sentence": "a bronze bust", "name": "a-bronze-bust", "keep": "people"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sentence": " "}, "Say what people shall become first"),
        ({"sentence": "a\nb"}, "one line"),
        ({"sentence": "a" * 401}, "one line"),
        ({"name": "Marble!"}, "small letters, digits and hyphens"),
        ({"name": "marble"}, "a generator called marble already"),
        ({"name": "heads"}, "a generator called heads already"),
        ({"keep": "nothing"}, "keeps people or rest"),
        ({"steps": -1}, "must not be negative"),
        ({"model": "rodin"}, "rodin cannot be changed by a sentence; choose heads or marble"),
    ],
)
def test_what_is_wrong_is_one_sentence(changes: dict[str, Any], words: str) -> None:
    problem = style_request(replace(WISH, **changes), WELCOME)
    assert isinstance(problem, str) and words in problem
    assert why_no_style(True, WELCOME, replace(WISH, **changes)) == problem


def test_why_there_can_be_no_style_at_all() -> None:
    assert why_no_style(False, WELCOME, WISH) == "Start or connect to a backend first"
    assert style_request(WISH, OLD) == styles.TOO_OLD
    bare = Welcome("1", "s", ABLE | {"adaptable": []}, {})
    assert style_request(WISH, bare) == styles.NOTHING_TO_CHANGE
    assert why_no_style(True, WELCOME, WISH) == ""


def test_names_are_free_and_fit_on_both_sides() -> None:
    assert free_name("Marble!", WELCOME) == "marble-2" and free_name("한국어", WELCOME) == "style"
    assert library.NAME.fullmatch(free_name("x" * 500, None)) and styles.NAME.pattern == library.NAME.pattern
    assert styles.KEEPS == pipeline.KEEPS and styles.MAX_SENTENCE == pipeline.MAX_SENTENCE
