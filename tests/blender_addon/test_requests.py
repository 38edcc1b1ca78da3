# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.pipeline.request import MAX_SEED as PIPELINE_MAX_SEED
from backend.pipeline.request import AvatarRequest
from blender_addon.protocol import MAX_SEED, JobRequest, Welcome, encode
from blender_addon.requests import (
    INVERT_STEPS,
    Wanted,
    change_request,
    fit_label,
    generators,
    job_request,
    levels_of,
    refine_request,
    unfit_generator,
)

ABLE = {
    "presets": ["draft", "high"],
    "sources": ["portrait", "seed", "sentence"],
    "kinds": ["avatar", "edit", "blend"],
    "options": ["sentence", "weights", "invert"],
}
WELCOME = Welcome("0.1.0", "s", ABLE, {"portrait_bytes": 1000})
OLD = Welcome("0.0.9", "s", {"presets": ["draft"], "sources": ["portrait", "seed"], "options": ["steps"]}, {})


def settings(source: str = "SEED", portrait: str = "", seed: int = 7, preset: str = "draft", **others: Any) -> Wanted:
    return Wanted(source, portrait, seed, preset, **others)


def image(folder: Path, content: bytes = b"\xff\xd8\xff\xe0 picture") -> str:
    (folder / "face.jpg").write_bytes(content)
    return str(folder / "face.jpg")


def test_a_seed_makes_a_request_with_an_id_of_its_own() -> None:
    one, other = job_request(settings(), WELCOME), job_request(settings(), WELCOME)
    assert isinstance(one, JobRequest) and isinstance(other, JobRequest)
    assert (one.seed, one.preset, one.portrait) == (7, "draft", None)
    assert one.job_id != other.job_id
    encode(one)


def test_a_portrait_travels_as_the_file_is(tmp_path: Path) -> None:
    path = image(tmp_path)
    request = job_request(settings("PORTRAIT", path), WELCOME, {"steps": 4}, job_id="mine")
    assert request == JobRequest("mine", "avatar", "draft", 7, Path(path).read_bytes(), {"steps": 4})


def test_a_portrait_is_not_read_for_a_seed() -> None:
    assert isinstance(job_request(settings("SEED", "/nowhere.jpg")), JobRequest)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (settings("PORTRAIT", ""), "Choose a portrait"),
        (settings("PORTRAIT", "/nowhere/face.jpg"), "There is no image file"),
        (settings("PORTRAIT", "/"), "There is no image file"),
        (settings(seed=-1), "The seed must be"),
        (settings(seed=MAX_SEED + 1), "The seed must be"),
        (settings(preset="ultra"), "no preset 'ultra'; choose one of draft, high"),
        (settings(source="DREAM"), "a PORTRAIT, a SENTENCE, a SEED or a MIX"),
        (settings("SENTENCE"), "Describe the person first"),
        (settings("SENTENCE", sentence="  "), "Describe the person first"),
        (settings("SENTENCE", sentence="a\nb"), "one line of at most 500"),
        (settings("MIX"), "Nothing is in the mix"),
        (settings("MIX", weights={"portrait": 1.0}), "Choose a portrait"),
        (settings("MIX", weights={"sentence": 0.5}), "Describe the person first"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_sentence(wanted: Wanted, sentence: str) -> None:
    answer = job_request(wanted, WELCOME)
    assert isinstance(answer, str) and sentence in answer


def test_a_file_that_is_too_large_or_no_image_is_named(tmp_path: Path) -> None:
    large = job_request(settings("PORTRAIT", image(tmp_path, b"\xff\xd8\xff" + bytes(2000))), WELCOME)
    assert isinstance(large, str) and "save it smaller" in large
    other = job_request(settings("PORTRAIT", image(tmp_path, b"PK\x03\x04")), WELCOME)
    assert isinstance(other, str) and "face.jpg is no JPEG" in other


def test_a_sentence_is_an_option_and_old_backends_are_not_asked() -> None:
    request = job_request(settings("SENTENCE", sentence=" a tall man "), WELCOME)
    assert isinstance(request, JobRequest) and request.options == {"sentence": "a tall man"} and request.seed == 7
    assert "nobody from sentences" in str(job_request(settings("SENTENCE", sentence="a man"), OLD))


def test_a_mix_sends_what_counts_and_reads_no_portrait_that_does_not(tmp_path: Path) -> None:
    weights = {"portrait": 0.0, "sentence": 0.5, "seed": 0.25}
    request = job_request(settings("MIX", "/nowhere.jpg", sentence="a man", weights=weights), WELCOME)
    assert isinstance(request, JobRequest) and request.portrait is None
    assert request.options == {"sentence": "a man", "weights": {"sentence": 0.5, "seed": 0.25}}
    both = settings("MIX", image(tmp_path), sentence="a man", weights=weights | {"portrait": 1.0}, refine=True)
    request = job_request(both, WELCOME)
    assert isinstance(request, JobRequest) and request.portrait is not None
    assert request.options["invert"] == INVERT_STEPS and request.options["weights"]["portrait"] == 1.0
    AvatarRequest(portrait=request.portrait, options=request.options)  # the backend takes it
    assert "cannot mix" in str(job_request(settings("MIX", weights={"seed": 1.0}), OLD))


def test_refining_is_for_photographs_and_for_backends_that_can(tmp_path: Path) -> None:
    assert job_request(settings("SEED", refine=True), WELCOME).options == {}
    path = image(tmp_path)
    assert job_request(settings("PORTRAIT", path, refine=True), WELCOME).options == {"invert": INVERT_STEPS}
    assert "cannot fit avatars" in str(job_request(settings("PORTRAIT", path, refine=True), OLD))


def test_a_change_takes_the_sources_along() -> None:
    request = change_request("edit", ["AAAA"], "draft", WELCOME, {"sentence": "add a beard", "strength": 0.7})
    assert isinstance(request, JobRequest) and request.kind == "edit" and request.sources == b"AAAA"
    encode(request)
    blend = change_request("blend", ["AAAA", "BBBB"], "draft", WELCOME, {"shares": [1, 2]}, label="Both")
    assert isinstance(blend, JobRequest) and blend.sources == b"AAAA\nBBBB" and blend.label == "Both"
    AvatarRequest(kind="blend", sources=("AAAA", "BBBB"), options=blend.options)
    assert "Say what to change" in str(change_request("edit", ["AAAA"], "draft", WELCOME, {"sentence": ""}))
    assert "does not tell" in str(change_request("blend", ["AAAA", ""], "draft", WELCOME))
    assert "too old to change" in str(change_request("blend", ["AAAA"], "draft", OLD))
    assert "no preset 'ultra'" in str(change_request("blend", ["AAAA"], "ultra", WELCOME))


def test_wire_and_pipeline_agree_on_seeds() -> None:
    assert MAX_SEED == PIPELINE_MAX_SEED


def test_a_label_is_one_short_line_whatever_a_file_is_called() -> None:
    request = job_request(Wanted("SEED", "", 1, "draft"), label="Anna\n\ud800" + "x" * 90)
    assert isinstance(request, JobRequest) and request.label == "Anna" + "x" * 60
    encode(request)
    assert job_request(Wanted("SEED", "", 1, "draft")).label is None
    assert fit_label("안나 头像") == "안나 头像"


HEAD = {"vertices": np.eye(3, dtype=np.float32), "faces": np.array([[0, 1, 2]], np.int32)}
REFINES = Welcome("1", "s", {"kinds": ["avatar", "refine"]}, {})


def test_a_head_goes_out_with_what_it_shall_become(tmp_path: Path) -> None:
    photo = tmp_path / "me.jpg"
    photo.write_bytes(b"\xff\xd8\xff picture")
    request = refine_request(HEAD, {"prompt": "an old man"}, str(photo), 4, REFINES, "Hero refined")
    assert isinstance(request, JobRequest) and request.kind == "refine" and request.label == "Hero refined"
    assert request.vertices is HEAD["vertices"] and request.portrait == photo.read_bytes() and request.seed == 4
    assert encode(request)


def test_a_head_that_cannot_go_out_is_a_sentence() -> None:
    old = Welcome("1", "s", {"kinds": ["avatar"]}, {})
    assert refine_request(HEAD, {}, welcome=old) == "This backend is too old to refine heads; update it."
    assert "one line" in str(refine_request(HEAD, {"prompt": "two\nlines"}, welcome=REFINES))
    assert "Choose a portrait first" in str(refine_request(HEAD, {"refiner": "reproject"}, welcome=REFINES))
    assert "no image file" in str(refine_request(HEAD, {}, "/nowhere.jpg", welcome=REFINES))
    large = HEAD | {"image": np.broadcast_to(np.uint8(0), (16_000, 16_000, 3))}
    assert "MiB and may have" in str(refine_request(large, {}, welcome=REFINES))


CONVERTED = Welcome(
    "0.1.0",
    "s",
    ABLE
    | {
        "synthesizers": ["rodin", "heads", "mute"],
        "synthesizer_inputs": {"rodin": ["portrait", "seed"], "heads": ["seed"]},
    },
    {},
)


def test_a_generator_is_asked_for_by_name() -> None:
    request = job_request(settings(synthesizer="heads"), CONVERTED)
    assert isinstance(request, JobRequest) and request.options == {"synthesizer": "heads"}
    AvatarRequest(seed=7, options=request.options)
    plain = job_request(settings(), CONVERTED)
    assert isinstance(plain, JobRequest) and not plain.options


def test_a_generator_that_cannot_is_told_at_once(tmp_path: Path) -> None:
    asked = job_request(settings("PORTRAIT", image(tmp_path), synthesizer="heads"), CONVERTED)
    assert asked == "The generator heads makes people from a seed, not from a portrait."
    assert "has no generator 'busts'" in str(job_request(settings(synthesizer="busts"), CONVERTED))
    assert "has no generator 'heads'" in str(job_request(settings(synthesizer="heads"), OLD))


def test_generators_are_those_that_tell_their_inputs() -> None:
    assert generators(CONVERTED) == {"rodin": ("portrait", "seed"), "heads": ("seed",)}
    assert generators(None) == generators(OLD) == {}


def test_levels_are_a_quarter_each_of_what_the_backend_says() -> None:
    numbers = {"preset_numbers": {"draft": {"faces": 8000}}, "presets": ["draft"], "options": ["levels"]}
    wanted = Wanted("SEED", "", 1, "draft", levels=True)
    request = job_request(wanted, Welcome("1", "s", numbers, {}))
    assert not isinstance(request, str) and request.options == {"levels": [2000, 500, 125]}
    refused = job_request(wanted, Welcome("1", "s", {"presets": ["draft"]}, {}))
    assert refused == "This backend makes no levels of detail; update it, or switch them off."
    assert levels_of("draft", None) == [5000, 1250, 312]


def test_a_head_may_be_imagined_where_the_backend_can() -> None:
    able = ABLE | {"kinds": ["avatar", "imagine"], "adaptable": ["heads"], "synthesizers": ["rodin", "heads"],
                   "synthesizer_inputs": {"rodin": ["seed"], "heads": ["seed"]}}  # fmt: skip
    welcome = Welcome("1", "s", able, {})
    said: dict[str, Any] = {"sentence": "a bronze bust with a wreath", "imagine": True}
    request = job_request(settings("SENTENCE", **said), welcome)
    assert isinstance(request, JobRequest) and request.kind == "imagine"
    assert request.options == {"sentence": "a bronze bust with a wreath"}
    assert AvatarRequest(kind="imagine", options=request.options).sentence
    bent = job_request(settings("SENTENCE", **said, synthesizer="heads"), welcome)
    assert isinstance(bent, JobRequest) and bent.options["synthesizer"] == "heads"
    again = job_request(settings("SEED", imagine=True), welcome, options={"sentence": "a bust", "tune": 4})
    assert isinstance(again, JobRequest) and (again.kind, again.options["tune"]) == ("imagine", 4)
    for wanted, told, words in (
        (
            settings("SENTENCE", **said, synthesizer="rodin"),
            welcome,
            "rodin cannot be bent to a sentence; choose heads",
        ),
        (settings("SENTENCE", **said), WELCOME, "too old for that"),
        (
            settings("SENTENCE", **said),
            Welcome("1", "s", able | {"adaptable": []}, {}),
            "no generator that can be bent",
        ),
        (settings("SEED", imagine=True), welcome, "Describe the head first"),
    ):
        problem = job_request(wanted, told)
        assert isinstance(problem, str) and words in problem


def test_a_generator_says_what_it_makes_people_from() -> None:
    able = ABLE | {"synthesizers": ["rodin", "heads"],
                   "synthesizer_inputs": {"rodin": ["seed"], "heads": ["portrait", "seed"]}}  # fmt: skip
    welcome = Welcome("1", "s", able, {})
    assert unfit_generator("heads", ("sentence",), welcome) == (
        "The generator heads makes people from a portrait or a seed, not from a sentence."
    )
    assert unfit_generator("heads", ("seed",), welcome) == unfit_generator("", ("sentence",), welcome) == ""
    assert "no generator 'marble'" in unfit_generator("marble", ("seed",), welcome)
