# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from backend.service.gate import AllowList
from blender_addon.protocol import is_curve_key, read_connection


def test_from_the_servers_key_to_a_listed_client(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["keys", "--store", str(tmp_path / "store")]) == 0
    server = capsys.readouterr().out.strip()
    assert is_curve_key(server)
    file, address = tmp_path / "gpu.json", "tcp://192.0.2.1:5555"
    arguments = ["keys", "--address", address, "--server", server, "--out", str(file), "--name", "Ada\n the first"]
    assert run_command_line(arguments) == 0
    (tmp_path / "allowed.txt").write_text(line := capsys.readouterr().out)
    (tmp_path / "allowed.txt").chmod(0o600)
    key, name = line.strip().split(" ", 1)
    allowed, connection = AllowList(tmp_path / "allowed.txt"), read_connection(file)
    assert key in allowed and allowed.name(key) == name == "Ada the first"
    assert (connection.address, connection.server) == (address, server) and connection.secret not in line


@pytest.mark.parametrize(
    "arguments", [["--address", "tcp://h:1"], ["--out", "f"], ["--out", "f", "--address", "tcp://h:1"]]
)
def test_half_of_what_is_needed_is_named(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["keys", *arguments]) == 2
    assert "maquette: " in capsys.readouterr().err
