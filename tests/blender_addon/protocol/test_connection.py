# SPDX-License-Identifier: GPL-3.0-or-later
import os
from pathlib import Path

import pytest

from blender_addon.protocol import Connection, ErrorCode, ProtocolError, default_store, read_connection

EXAMPLE = Connection("tcp://127.0.0.1:4000", "k" * 64, "s1", 12, "0.1.0")


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_round_trip(tmp_path: Path) -> None:
    assert read_connection(write(tmp_path / "c.json", EXAMPLE.to_json())) == EXAMPLE


def test_the_key_never_shows() -> None:
    assert "kkk" not in repr(EXAMPLE)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "{" * 9999, '{"address": 1}', EXAMPLE.to_json().replace("12", '"12"')]
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProtocolError, match="is no connection file"):
        read_connection(write(tmp_path / "c.json", text))


def test_an_absent_file_means_no_backend(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="No backend runs here") as caught:
        read_connection(tmp_path / "c.json")
    assert caught.value.code is ErrorCode.NOT_READY


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_file_that_others_can_read_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="other users"):
        read_connection(write(tmp_path / "c.json", EXAMPLE.to_json(), 0o644))


def test_the_store_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path))
    assert default_store() == tmp_path
    monkeypatch.delenv("MAQUETTE_STATE")
    assert default_store().name == "maquette"
