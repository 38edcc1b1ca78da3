# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.pipeline.presets import PRESETS, REFINERS
from backend.pipeline.request import LIMITS, NUMBERS, AvatarRequest, RequestError
from backend.refinement import REFINERS as TABLE


def test_options_replace_numbers_of_the_preset() -> None:
    request = AvatarRequest(seed=3, preset="draft", options={"steps": 2, "guidance": 1.5})
    assert request.numbers.steps == 2 and request.guidance == 1.5
    assert request.numbers.faces == PRESETS["draft"].faces


def test_defaults_leave_guidance_to_the_model() -> None:
    assert AvatarRequest().guidance is None
    assert AvatarRequest().numbers == PRESETS["standard"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"preset": "best"},
        {"seed": -1},
        {"seed": True},
        {"seed": 1.5},
        {"options": {"stepz": 3}},
        {"options": {"steps": 0}},
        {"options": {"steps": 3.5}},
        {"options": {"steps": True}},
        {"options": {"resolution": 130}},
        {"options": {"guidance": "much"}},
        {"options": {"guidance": float("nan")}},
        {"options": {"levels": 1000}},
        {"options": {"levels": [1000, 5000]}},
        {"options": {"levels": [1000, 1000.0]}},
        {"options": {"levels": [1000, 3]}},
        {"options": {"levels": list(range(5000, 3700, -100))}},
        {"kind": "cat"},
        {"options": {"sentence": ""}},
        {"options": {"sentence": "two\nlines"}},
        {"options": {"sentence": "x" * 501}},
        {"options": {"sentence": 3}},
        {"options": {"weights": {"hat": 1}}},
        {"options": {"weights": {"portrait": 1}}},
        {"options": {"weights": {"seed": -1}}},
        {"options": {"weights": {"seed": float("nan")}}},
        {"options": {"weights": [1, 2]}},
        {"options": {"sentence": "a man", "weights": {"sentence": 0}}},
        {"options": {"strength": 1}},
        {"options": {"invert": 20}},
        {"options": {"layers": 0.5}},
        {"kind": "blend", "sources": ("a", "b", "c"), "options": {"layers": 0.5}},
        {"kind": "blend", "sources": ("a", "b"), "options": {"layers": 1.5}},
        {"options": {"shares": [1]}},
        {"sources": ("AAAA",)},
        {"kind": "edit", "options": {"sentence": "add a beard"}},
        {"kind": "edit", "sources": ("AAAA", "BBBB"), "options": {"sentence": "add a beard"}},
        {"kind": "edit", "sources": ("AAAA",)},
        {"kind": "edit", "sources": ("AAAA",), "options": {"sentence": "old", "weights": {"sentence": 1}}},
        {"kind": "edit", "sources": ("AAAA",), "options": {"sentence": "old", "strength": 9}},
        {"kind": "edit", "sources": ("AAAA",), "options": {"sentence": "old"}, "portrait": b"x"},
        {"kind": "blend"},
        {"kind": "blend", "sources": ("AAAA",) * 9},
        {"kind": "blend", "sources": ("AAAA",), "options": {"sentence": "old"}},
        {"kind": "blend", "sources": ("AAAA", "BBBB"), "options": {"shares": [1]}},
        {"kind": "blend", "sources": ("AAAA", "BBBB"), "options": {"shares": [0, 0]}},
        {"kind": "blend", "sources": ("AAAA", "BBBB"), "options": {"shares": "11"}},
    ],
)
def test_wrong_requests_are_refused_in_one_sentence(arguments: dict) -> None:
    with pytest.raises(RequestError) as refusal:
        AvatarRequest(**arguments)
    assert refusal.value.message and "\n" not in refusal.value.message


def test_what_was_not_said_is_left_open() -> None:
    plain = AvatarRequest()
    assert (plain.sentence, plain.temperature, plain.weights, plain.invert, plain.strength) == (None, None, {}, 0, 1.0)
    said = AvatarRequest(portrait=b"x", options={"sentence": "a man", "invert": 50, "weights": {"sentence": 2}})
    assert said.sentence == "a man" and said.invert == 50 and said.weights == {"sentence": 2.0}


def test_layers_of_two_can_be_mixed() -> None:
    assert AvatarRequest(kind="blend", sources=("a", "b"), options={"layers": 0.5}).layers == 0.5
    assert AvatarRequest(kind="blend", sources=("a", "b")).layers is None


def test_shares_add_up_to_one() -> None:
    assert AvatarRequest(kind="blend", sources=("A", "B")).shares == (0.5, 0.5)
    assert AvatarRequest(kind="blend", sources=("A", "B"), options={"shares": [1, 3]}).shares == (0.25, 0.75)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, True),
        ({"weights": {"portrait": 1}}, True),
        ({"sentence": "bald"}, False),
        ({"sentence": "bald", "weights": {"sentence": 0}}, True),
        ({"weights": {"seed": 0.5}}, False),
        ({"sentence": "bald", "weights": {"portrait": 0}}, False),
    ],
)
def test_the_photograph_is_worn_only_by_its_own_person(options: dict, shown: bool) -> None:
    assert AvatarRequest(portrait=b"x", options=options).shows_portrait is shown
    assert not AvatarRequest(options={"sentence": "bald"}).shows_portrait


def test_presets_lie_within_the_limits_and_grow() -> None:
    for preset in PRESETS.values():
        for name, (low, high) in LIMITS.items():
            assert name not in NUMBERS or low <= getattr(preset, name) <= high
    draft, standard, high_preset = PRESETS.values()
    assert draft.faces < standard.faces < high_preset.faces


def test_refiners_replace_those_of_the_preset() -> None:
    request = AvatarRequest(options={"refiners": ["resample", "diffuse-local"]})
    assert request.numbers.refiners == ("resample", "diffuse-local")
    assert AvatarRequest().numbers.refiners == ("resample", "sharpen", "reproject")


@pytest.mark.parametrize("value", ["resample", ["magic"], ["resample", "resample"], [3]])
def test_unknown_refiners_are_refused(value: object) -> None:
    with pytest.raises(RequestError, match="refiners is a list of resample"):
        AvatarRequest(options={"refiners": value})


def test_the_names_of_refiners_are_those_of_their_table() -> None:
    assert tuple(TABLE) == REFINERS


def test_an_imagined_head_is_a_sentence_and_how_long_to_bend_a_generator() -> None:
    said = {"sentence": "a bronze bust with a laurel wreath"}
    request = AvatarRequest(kind="imagine", options=said | {"tune": 40, "candidates": 8, "synthesizer": "heads"})
    assert (request.tune, request.candidates, request.synthesizer) == (40, 8, "heads")
    usual = AvatarRequest(kind="imagine", options=said)
    assert usual.tune is None and usual.candidates is None and not usual.shows_portrait
    for wrong, words in (
        ({}, "needs a sentence"),
        (said | {"weights": {"sentence": 1}}, "weights has no meaning"),
        (said | {"invert": 3}, "invert has no meaning"),
        (said | {"tune": -1}, "tune is a whole number"),
    ):
        with pytest.raises(RequestError, match=words):
            AvatarRequest(kind="imagine", options=wrong)
    with pytest.raises(RequestError, match="takes no portrait"):
        AvatarRequest(kind="imagine", options=said, portrait=b"x")
    with pytest.raises(RequestError, match="has no sources"):
        AvatarRequest(kind="imagine", options=said, sources=("A",))
    with pytest.raises(RequestError, match="tune has no meaning"):
        AvatarRequest(options={"tune": 3})
