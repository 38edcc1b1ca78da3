# SPDX-License-Identifier: GPL-3.0-or-later
import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest

from backend.service import logs
from backend.service.logs import STRUCK, about, logged

log = logging.getLogger("backend.service.test")


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_one_object_per_event_with_the_job_it_belongs_to(tmp_path: Path) -> None:
    with logged(tmp_path / "log.jsonl"):
        log.info("begun\nand %s", '"quoted"')
        log.info("accepted", extra={"job": "3f"})
        with about("4a"):
            logging.getLogger("backend.anything").warning("inside")
        log.debug("not at this level")
    log.info("after")
    first, second, third = entries(tmp_path / "log.jsonl")
    assert first["event"] == 'begun\nand "quoted"' and "job" not in first
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["time"])
    assert (second["job"], second["level"], second["where"]) == ("3f", "info", "backend.service.test")
    assert (third["job"], third["level"], third["process"]) == ("4a", "warning", os.getpid())


def test_an_exception_brings_its_trace(tmp_path: Path) -> None:
    with logged(tmp_path / "log.jsonl"), about("3f"):
        try:
            raise ValueError("a plane is missing")
        except ValueError:
            log.exception("failed")
    (entry,) = entries(tmp_path / "log.jsonl")
    assert "ValueError: a plane is missing" in entry["trace"] and entry["job"] == "3f"


def test_what_is_hidden_is_struck_out_of_sentence_and_trace(tmp_path: Path) -> None:
    with logged(tmp_path / "log.jsonl") as file:
        file.lines.hide("hunter2", "")
        try:
            raise ValueError("key hunter2")
        except ValueError:
            log.exception("wrong key hunter2, not hunter3")
    assert "hunter2" not in (tmp_path / "log.jsonl").read_text()
    (entry,) = entries(tmp_path / "log.jsonl")
    assert entry["event"] == f"wrong key {STRUCK}, not hunter3"


def test_levels_are_kept_apart(tmp_path: Path) -> None:
    with logged(tmp_path / "few.jsonl", "error"), logged(tmp_path / "many.jsonl", "debug"):
        log.debug("small")
        log.error("large")
    assert [each["event"] for each in entries(tmp_path / "few.jsonl")] == ["large"]
    assert [each["event"] for each in entries(tmp_path / "many.jsonl")] == ["small", "large"]


def test_the_files_stay_small_and_few_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 2000)
    with logged(tmp_path / "log.jsonl"):
        for number in range(200):
            log.info("event %d", number)
        log.info("x" * 100_000)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + logs.OLDER_FILES
    assert all(file.stat().st_size < 2000 + logs.MAX_EVENT + 500 for file in files)
    if os.name == "posix":
        assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)


def test_a_place_that_cannot_be_written_disturbs_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with logged(tmp_path / "absent" / "log.jsonl"):
        log.warning("said all the same")
    assert "Traceback" not in capsys.readouterr().err
