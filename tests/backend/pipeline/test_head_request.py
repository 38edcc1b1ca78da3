# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.pipeline.head_request import AXES, LAYOUTS, HeadWish, read_options
from backend.pipeline.request import RequestError
from backend.refinement import heads, placing


def test_the_names_are_those_of_the_work() -> None:
    assert heads.LAYOUTS == LAYOUTS and placing.AXES == AXES


def test_options_are_read_into_both() -> None:
    options = {"prompt": "an old man", "strength": 0.7, "views": 4, "texture_size": 2048, "layout": "new", "up": "Z"}
    request, wish = read_options(options, b"jpg", 9, "job")
    assert (request.prompt, request.strength, request.views, request.size) == ("an old man", 0.7, 4, 2048)
    assert (request.portrait, request.seed, request.job_id) == (b"jpg", 9, "job")
    assert wish == HeadWish(layout="new", up="Z", size=2048)


def test_without_a_size_it_is_the_picture_that_tells() -> None:
    assert read_options({}, None, 0, "")[1] == HeadWish()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"smile": 1}, "no option 'smile'"),
        ({"layout": "old"}, "no layout 'old'"),
        ({"up": "W"}, "up is one of X, -X"),
        ({"front": 3}, "front is one of"),
        ({"up": "Y", "front": "-Y"}, "whose top is Y cannot look along -Y"),
        ({"texture_size": 20_000}, "from 64 to 4096"),
        ({"texture_size": "large"}, "size is a whole number"),
        ({"strength": 2}, "strength is a number from 0 to 1"),
        ({"refiner": "magic"}, "no refiner 'magic'"),
        ({"refiner": "reproject"}, "works from a portrait"),
        ({"prompt": "two\nlines"}, "one line"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        read_options(options, None, 0, "")
