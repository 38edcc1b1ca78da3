# SPDX-License-Identifier: GPL-3.0-or-later
import os
import random
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from backend.weights.pickled import Stored
from backend.weights.store import WeightsError
from backend.weights.torch_files import open_checkpoint

STATE = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(2, dtype=torch.int64)}


def same(found: Any) -> None:
    for name, value in STATE.items():
        tensor = found[name].tensor() if isinstance(found[name], Stored) else found[name]
        assert torch.equal(tensor, value) and tensor.dtype == value.dtype


def test_every_format_of_torch_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    for new in (True, False):
        torch.save(STATE, path, _use_new_zipfile_serialization=new)
        same(open_checkpoint(path))
    save_file(STATE, path)
    same(open_checkpoint(path))


class Bomb:
    """Would make a folder if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("new", [True, False])
def test_a_checkpoint_with_code_is_refused_and_nothing_runs(new: bool, tmp_path: Path) -> None:
    path, sign = tmp_path / "model.pt", tmp_path / "ran"
    torch.save({"a": torch.ones(2), "b": Bomb(sign)}, path, _use_new_zipfile_serialization=new)
    with pytest.raises(WeightsError, match=r"model.pt asks for \w+.mkdir, which is no part of a model"):
        open_checkpoint(path)
    assert not sign.exists()


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.97])
def test_a_cut_file_is_refused_in_a_sentence(new: bool, share: float, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"a": torch.randn(4000)}, path, _use_new_zipfile_serialization=new)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(WeightsError) as caught:
        open_checkpoint(path)
    assert "\n" not in caught.value.message and path.name in caught.value.message


@pytest.mark.parametrize("new", [True, False])
def test_a_damaged_file_is_refused_in_a_sentence_or_read(new: bool, tmp_path: Path) -> None:
    path, draw = tmp_path / "model.pt", random.Random(0)
    torch.save(STATE, path, _use_new_zipfile_serialization=new)
    whole = path.read_bytes()
    for _ in range(400):
        spoilt = bytearray(whole)
        for _ in range(draw.randrange(1, 5)):
            spoilt[draw.randrange(len(whole))] = draw.randrange(256)
        path.write_bytes(spoilt)
        try:
            open_checkpoint(path)
        except WeightsError as error:
            assert "\n" not in error.message


def test_other_archives_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(STATE, path)
    content = BytesIO(path.read_bytes())
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    with pytest.raises(WeightsError, match="compressed archive"):
        open_checkpoint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no model")
    with pytest.raises(WeightsError, match="not of torch's plain tensors"):
        open_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x00" * 40, b"\x89PNG\r\n\x1a\n" + b"0" * 100])
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"model.pt"):
        open_checkpoint(tmp_path / "model.pt")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read: No such file"):
        open_checkpoint(tmp_path / "none.pt")
