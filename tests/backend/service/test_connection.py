# SPDX-License-Identifier: GPL-3.0-or-later
import os
from pathlib import Path

from backend.service.connection import remove_connection, write_connection
from blender_addon.protocol import Connection, read_connection

EXAMPLE = Connection("tcp://127.0.0.1:4000", "k" * 64, "s1", 12, "0.1.0")


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = write_connection(tmp_path, EXAMPLE)
    assert read_connection(path) == EXAMPLE
    assert os.name != "posix" or path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_it_replaces_the_one_of_a_server_that_was_killed(tmp_path: Path) -> None:
    write_connection(tmp_path, EXAMPLE)
    later = Connection("tcp://127.0.0.1:4001", "l" * 64, "s2")
    assert read_connection(write_connection(tmp_path, later)) == later


def test_only_its_own_server_removes_it(tmp_path: Path) -> None:
    path = write_connection(tmp_path, EXAMPLE)
    remove_connection(tmp_path, "another session")
    assert path.exists()
    remove_connection(tmp_path, "s1")
    assert not path.exists()
    remove_connection(tmp_path, "s1")
