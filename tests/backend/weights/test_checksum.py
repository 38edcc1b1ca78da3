# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

from backend.weights import checksum


def test_the_shipped_weights_are_the_sealed_ones() -> None:
    assert checksum.sha256() == checksum.expected(), "new weights? run python -m backend.weights.checksum"


def test_one_changed_bit_shows(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(bytes(1000))
    assert checksum.expected(path) == ""
    checksum.seal(path)
    assert checksum.sha256(path) == checksum.expected(path)
    path.write_bytes(bytes(999) + b"\1")
    assert checksum.sha256(path) != checksum.expected(path)
    path.with_suffix(".json").write_text("[]")
    assert checksum.expected(path) == ""
