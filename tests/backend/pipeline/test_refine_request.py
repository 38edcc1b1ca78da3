# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.pipeline.refine_request import MOST_VIEWS, REFINERS, RefineRequest
from backend.pipeline.request import RequestError
from backend.refinement import REFINERS as TABLE
from backend.refinement.viewpoints import MOST


def test_defaults_repaint_eight_views_of_what_is_there() -> None:
    request = RefineRequest()
    assert (request.refiner, request.views, request.strength) == ("diffuse-local", 8, 0.5)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"refiner": "resample"}, "there is no refiner 'resample'"),
        ({"prompt": "two\nlines"}, "a prompt is one line"),
        ({"negative": "x" * 501}, "a negative is one line of at most 500"),
        ({"strength": 1.5}, "strength is a number from 0 to 1, got 1.5"),
        ({"strength": float("nan")}, "strength is a number"),
        ({"strength": True}, "strength is a number"),
        ({"views": 0}, "views is a whole number from 1 to 16"),
        ({"views": 2.0}, "views is a whole number"),
        ({"size": 8192}, "size is a whole number from 64 to 4096"),
        ({"seed": -1}, "seed is a whole number"),
        ({"steps": 0}, "steps is a whole number from 1 to 200"),
        ({"guidance": -1}, "guidance is a number from 0 to 30"),
        ({"refiner": "reproject"}, "reproject works from a portrait"),
    ],
)
def test_wrong_requests_are_refused_in_one_sentence(arguments: dict, part: str) -> None:
    with pytest.raises(RequestError) as refusal:
        RefineRequest(**arguments)
    assert part in refusal.value.message


def test_what_may_be_asked_can_be_done() -> None:
    assert set(REFINERS) < set(TABLE) and MOST_VIEWS == MOST
