# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

from backend.weights import checksum


def test_the_shipped_weights_are_the_sealed_ones() -> None:
    found = {name: checksum.sha256(path) for name, path in checksum.present().items()}
    assert "weights/default.safetensors" in found
    assert found == checksum.expected(), "new weights? run python -m backend.weights.checksum"


def test_one_changed_bit_shows_and_only_there(tmp_path: Path) -> None:
    for folder in checksum.FOLDERS:
        (tmp_path / folder).mkdir()
    one, other = tmp_path / "weights/a.safetensors", tmp_path / "evaluation/b.safetensors"
    one.write_bytes(bytes(1000))
    other.write_bytes(b"b")
    assert checksum.expected(tmp_path) == {}
    checksum.seal(tmp_path)
    assert set(checksum.expected(tmp_path)) == {"weights/a.safetensors", "evaluation/b.safetensors"}
    one.write_bytes(bytes(999) + b"\1")
    same = {
        name: checksum.sha256(path) == checksum.expected(tmp_path)[name]
        for name, path in checksum.present(tmp_path).items()
    }
    assert same == {"weights/a.safetensors": False, "evaluation/b.safetensors": True}
    (tmp_path / "weights/sums.json").write_text("[]")
    assert checksum.expected(tmp_path) == {}
