# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.pipeline.request import MAX_SEED as PIPELINE_MAX_SEED
from blender_addon.protocol import MAX_SEED, JobRequest, Welcome, encode
from blender_addon.requests import Wanted, fit_label, job_request

WELCOME = Welcome("0.1.0", "s", {"presets": ["draft", "high"]}, {"portrait_bytes": 1000})


@dataclass
class Settings:
    source: str = "SEED"
    portrait: str = ""
    seed: int = 7
    preset: str = "draft"


def image(folder: Path, content: bytes = b"\xff\xd8\xff\xe0 picture") -> str:
    (folder / "face.jpg").write_bytes(content)
    return str(folder / "face.jpg")


def test_a_seed_makes_a_request_with_an_id_of_its_own() -> None:
    one, other = job_request(Settings(), WELCOME), job_request(Settings(), WELCOME)
    assert isinstance(one, JobRequest) and isinstance(other, JobRequest)
    assert (one.seed, one.preset, one.portrait) == (7, "draft", None)
    assert one.job_id != other.job_id
    encode(one)


def test_a_portrait_travels_as_the_file_is(tmp_path: Path) -> None:
    path = image(tmp_path)
    request = job_request(Settings("PORTRAIT", path), WELCOME, {"steps": 4}, job_id="mine")
    assert request == JobRequest("mine", "avatar", "draft", 7, Path(path).read_bytes(), {"steps": 4})


def test_a_portrait_is_not_read_for_a_seed() -> None:
    assert isinstance(job_request(Settings("SEED", "/nowhere.jpg")), JobRequest)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (Settings("PORTRAIT", ""), "Choose a portrait"),
        (Settings("PORTRAIT", "/nowhere/face.jpg"), "There is no image file"),
        (Settings("PORTRAIT", "/"), "There is no image file"),
        (Settings(seed=-1), "The seed must be"),
        (Settings(seed=MAX_SEED + 1), "The seed must be"),
        (Settings(preset="ultra"), "no preset 'ultra'; choose one of draft, high"),
        (Settings(source="DREAM"), "PORTRAIT or a SEED"),
    ],
    ids=str,
)
def test_what_is_wrong_is_one_sentence(settings: Settings, sentence: str) -> None:
    answer = job_request(settings, WELCOME)
    assert isinstance(answer, str) and sentence in answer


def test_a_file_that_is_too_large_or_no_image_is_named(tmp_path: Path) -> None:
    large = job_request(Settings("PORTRAIT", image(tmp_path, b"\xff\xd8\xff" + bytes(2000))), WELCOME)
    assert isinstance(large, str) and "save it smaller" in large
    other = job_request(Settings("PORTRAIT", image(tmp_path, b"PK\x03\x04")), WELCOME)
    assert isinstance(other, str) and "face.jpg is no JPEG" in other


def test_wire_and_pipeline_agree_on_seeds() -> None:
    assert MAX_SEED == PIPELINE_MAX_SEED


def test_a_label_is_one_short_line_whatever_a_file_is_called() -> None:
    request = job_request(Wanted("SEED", "", 1, "draft"), label="Anna\n\ud800" + "x" * 90)
    assert isinstance(request, JobRequest) and request.label == "Anna" + "x" * 60
    encode(request)
    assert job_request(Wanted("SEED", "", 1, "draft")).label is None
    assert fit_label("안나 头像") == "안나 头像"
