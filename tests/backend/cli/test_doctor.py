# SPDX-License-Identifier: GPL-3.0-or-later
import json
import socket
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line


def test_the_exit_status_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert run_command_line(["doctor", "--device", "cpu", "--store", str(tmp_path), "--port", str(port)]) == 1
    said = capsys.readouterr().out
    assert f"BAD  port: Nothing can listen at port {port}" in said and "       Leave --port out" in said


def test_json_is_one_object_per_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run_command_line(["doctor", "--device", "cpu", "--store", str(tmp_path), "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all(set(row) == {"name", "state", "sentence", "remedy"} for row in rows)
    assert status == int(any(row["state"] == "bad" for row in rows))
