# SPDX-License-Identifier: GPL-3.0-or-later
import socket
import sys
from pathlib import Path

import pytest

from backend.service.connection import write_connection
from blender_addon import launcher
from blender_addon.launcher import LaunchError, command_for, complaint, find_running, start
from blender_addon.protocol import Connection

LISTENS = """
import json, os, sys, time
store = sys.argv[sys.argv.index("--store") + 1]
name = os.path.join(store, "connection.json")
entry = {"address": "tcp://127.0.0.1:9", "key": "k", "session": "new", "pid": os.getpid(), "version": "0"}
time.sleep(0.1)
with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
    json.dump(entry, file)
print("flags:", *sys.argv[1:], flush=True)
time.sleep(60)
"""


def program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_a_program_is_started_waited_for_and_stopped(tmp_path: Path) -> None:
    launched = start(program(LISTENS), tmp_path, device="cpu", idle_exit=60)
    assert launched.wait(10).session == "new"
    launched.stop()
    assert launched.process.poll() is not None
    assert complaint(launched.log)[0] == f"flags: --store {tmp_path} --device cpu --idle-exit 60"


def test_the_file_of_an_earlier_backend_does_not_count(tmp_path: Path) -> None:
    write_connection(tmp_path, Connection("tcp://127.0.0.1:9", "k", "old"))
    launched = start(program("import time; time.sleep(60)"), tmp_path)
    assert launched.poll() is None
    with pytest.raises(LaunchError, match="did not listen within 0 s"):
        launched.wait(0.1)
    launched.stop()


def test_a_program_that_fails_is_explained_by_its_last_line(tmp_path: Path) -> None:
    launched = start(program("import sys; print('start', flush=True); sys.exit('No module named backend')"), tmp_path)
    with pytest.raises(LaunchError, match=r"ended at once \(status 1\): No module named backend") as caught:
        launched.wait(10)
    assert str(launched.log) in caught.value.hint


def test_a_complaint_of_the_backend_is_told_in_its_own_words(tmp_path: Path) -> None:
    text = "print('10:00 starting'); print('maquette: The port is taken.'); print('  Choose another.'); exit(2)"
    launched = start(program(text), tmp_path)
    with pytest.raises(LaunchError, match="The port is taken") as caught:
        launched.wait(10)
    assert caught.value.hint == "Choose another."
    (tmp_path / "empty").write_text("")
    assert complaint(tmp_path / "empty")[0] == complaint(tmp_path / "absent")[0] == "it wrote nothing"


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match="/no/such cannot be started"):
        start(["/no/such"], tmp_path)


def test_a_command_fits_the_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert command_for(sys.executable) == [sys.executable, "-m", "backend", "serve"]
    script = tmp_path / "maquette"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    assert command_for(str(script)) == [str(script), "serve"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command_for() == [str(script), "serve"]
    monkeypatch.setenv("PATH", "")
    for wrong in ("", "/no/such"):
        with pytest.raises(LaunchError):
            command_for(wrong)


def test_only_what_listens_is_found(tmp_path: Path) -> None:
    assert find_running(tmp_path) is None
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = Connection(f"tcp://127.0.0.1:{server.getsockname()[1]}", "k", "s")
        write_connection(tmp_path, connection)
        assert find_running(tmp_path) == connection
    assert find_running(tmp_path) is None
    write_connection(tmp_path, Connection("tcp://nonsense", "k", "s"))
    assert find_running(tmp_path) is None


def test_the_end_of_every_log_comes_with_its_name(tmp_path):
    assert launcher.log_tail(tmp_path) == ""
    (tmp_path / "backend.log").write_text("\n".join(f"line {n}" for n in range(500)))
    (tmp_path / "worker-cpu.log").write_bytes(b"ready \xff\n")
    told = launcher.log_tail(tmp_path, lines=3)
    assert "line 497\nline 498\nline 499" in told and "line 496" not in told
    assert told.index("backend.log") < told.index("worker-cpu.log") < told.index("ready")
