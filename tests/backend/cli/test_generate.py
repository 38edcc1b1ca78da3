# SPDX-License-Identifier: GPL-3.0-or-later
import json
import struct
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from blender_addon.launcher import Launched


def test_a_running_backend_does_the_work(
    running: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str], portraits: dict[str, bytes]
) -> None:
    out = tmp_path / "out"
    (tmp_path / "me.jpg").write_bytes(portraits["bluford"])
    assert run_command_line(["generate", "--portrait", str(tmp_path / "me.jpg"), "--out", str(out)]) == 0
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["portrait"] is True and recipe["process"] > 0
    assert {file.name for file in out.iterdir()} == {"avatar.glb", "recipe.json", "preview.png"}
    told = capsys.readouterr()
    assert "sampling" in told.err and "avatar.glb" in told.out
    assert run_command_line(["generate", "--seed", "0", "--out", str(out)]) == 2
    assert "already holds an avatar" in capsys.readouterr().err
    assert run_command_line(["generate", "--seed", "0", "--out", str(out), "--overwrite"]) == 0


def test_a_sentence_and_its_weights_reach_the_model_and_its_notes_the_user(
    running: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["--sentence", "a flurb man", "--weights", "sentence=1", "seed=0.5", "--temperature", "0.5"]
    assert run_command_line(["generate", *arguments, "--out", str(out)]) == 0
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["options"] == {
        "sentence": "a flurb man",
        "weights": {"sentence": 1.0, "seed": 0.5},
        "temperature": 0.5,
    }
    assert "note: the word 'flurb' was not understood" in capsys.readouterr().out
    content = (out / "avatar.glb").read_bytes()
    document = json.loads(content[20 : 20 + struct.unpack_from("<I", content, 12)[0]])
    # What the backend bakes last comes over the wire too: colours, surface, normals.
    assert len(document["images"]) == 3 and "normalTexture" in document["materials"][0]


def test_an_imagined_head_is_a_request_of_its_own_kind(running: Launched, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--imagine", "--sentence", "a bronze bust with a laurel wreath", "--tune", "5"]
    assert run_command_line(["generate", *arguments, "--out", str(out)]) == 0
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["kind"] == "imagine"
    assert recipe["options"] == {"sentence": "a bronze bust with a laurel wreath", "tune": 5}


def test_a_failed_job_is_told_in_its_own_words(
    running: Launched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["generate", "--seed", "5", "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert "No face was found." in error and "Choose another portrait." in error
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([], "neither --portrait nor --sentence nor --seed"),
        (["--sentence", ""], "a sentence is one line"),
        (["--imagine", "--seed", "3"], "--imagine needs a --sentence"),
        (["--tune", "3", "--seed", "3"], "tune has no meaning"),
        (["--sentence", "a man", "--weights", "sentence"], "--weights takes NAME=NUMBER"),
        (["--sentence", "a man", "--weights", "hat=1"], "weights name portrait, sentence, seed"),
        (["--seed", "1", "--invert", "50"], "without a portrait there is nothing to fit"),
        (["--seed", "-3"], "a seed is a whole number"),
        (["--portrait", "/nowhere/me.jpg"], "/nowhere/me.jpg cannot be read"),
        (["--seed", "1", "--guidance", "99"], "guidance is a number from"),
        (["--seed", "1", "--refiners", "magic"], "refiners is a list of resample"),
    ],
)
def test_what_cannot_be_done_is_said_before_any_work(
    arguments: list[str], part: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_command_line(["generate", *arguments, "--out", str(out)]) == 2
    assert part in capsys.readouterr().err and not out.exists()
