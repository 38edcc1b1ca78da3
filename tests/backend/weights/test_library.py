# SPDX-License-Identifier: GPL-3.0-or-later
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend import synthesis
from backend.weights import library
from backend.weights.library import FORMAT, LibraryError, entries, place, read_entry
from backend.weights.licences import LICENCES, find_text
from backend.weights.store import DEFAULT

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    return tmp_path


def shipped() -> list[str]:
    return [name for name, path in library.SHIPPED.items() if path.exists()]


def keep(path: Path, **changes: str) -> Path:
    licence = {"name": "MIT", "commercial": True, "terms": "Any use.", "text": "all of it"}
    told = {"format": FORMAT, "family": "eg3d", "config": json.dumps({"box": 1.0}), "licence": json.dumps(licence),
            "origin": json.dumps({"file": "a.pkl", "sha256": "0123456789abcdef" * 4})}  # fmt: skip
    save_file({"a": torch.zeros(2)}, path, metadata=told | changes)
    return path


def test_models_are_listed_beside_the_shipped_one(folder: Path) -> None:
    keep(folder / "own-heads.safetensors")
    keep(folder / "busts.safetensors", family="triposr")
    assert list(entries()) == [*shipped(), "busts", "own-heads"]
    assert synthesis.available() == {
        "rodin": ("portrait", "sentence", "seed"), **dict.fromkeys(shipped(), ("portrait", "seed")),
        "busts": ("portrait",), "own-heads": ("seed",),
    }  # fmt: skip
    entry = read_entry(folder / "own-heads.safetensors")
    assert entry.model_hash == "0123456789abcdef" and entry.licence.text == "all of it" and entry.config["box"] == 1.0


def test_models_that_ship_come_first_and_nobody_takes_their_names(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path_factory.mktemp("package")
    monkeypatch.setattr(library, "SHIPPED", {"people": keep(package / "people.safetensors", family="sdf-gan"),
                                             "later": package / "later.safetensors"})  # fmt: skip
    keep(folder / "people.safetensors")
    keep(folder / "busts.safetensors")
    assert list(entries()) == ["people", "busts"] and entries()["people"].family == "sdf-gan"
    assert library.adaptable()[0] == "people" and library.free_name("People") == "people-2"
    for refused in (library.place, library.remove):
        with pytest.raises(LibraryError, match="people is a generator that ships with Maquette"):
            refused("people")
    assert list(entries()) == ["people", "busts"]


def test_a_style_tells_how_it_came_to_be_and_what_it_may_be_made_of(folder: Path) -> None:
    keep(folder / "a-statue.safetensors", family="sdf-gan", recipe=json.dumps({"prompt": "a statue", "model": "own"}))
    keep(folder / "own.safetensors", family="sdf-gan")
    keep(folder / "busts.safetensors")
    keep(folder / "rooms.safetensors", family="triposr")
    mine = ("a-statue", "busts", "own", "rooms")
    assert [name for name in library.adaptable() if name in mine] == ["own", "busts", "a-statue"]
    assert library.styles()["a-statue"].recipe == {"prompt": "a statue", "model": "own"}
    assert read_entry(folder / "busts.safetensors").recipe is None and "busts" not in library.styles()
    with pytest.raises(LibraryError, match="is no converted model"):
        read_entry(keep(folder / "odd.safetensors", recipe="[1]"))


def test_a_new_model_is_called_after_words_and_never_as_another(folder: Path) -> None:
    assert library.free_name("A marble statue!") == "a-marble-statue" and library.free_name("한국어") == "style"
    keep(folder / "a-marble-statue.safetensors")
    (folder / "a-marble-statue-2.safetensors").write_bytes(b"broken, but there")
    assert library.free_name("a marble  statue") == "a-marble-statue-3"
    place(library.free_name("a very long sentence about a very old head of marble, bronze and more"))


def test_a_model_is_removed_by_name(folder: Path) -> None:
    path = keep(folder / "own.safetensors")
    library.remove("own")
    assert not path.exists()
    with pytest.raises(LibraryError, match="no model called own"):
        library.remove("own")
    with pytest.raises(LibraryError, match="cannot be called"):
        library.remove("../own")


def test_listing_needs_no_torch(folder: Path) -> None:
    keep(folder / "own-heads.safetensors")
    program = "import sys; from backend import synthesis; print(*synthesis.available(), 'torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["rodin", *shipped(), "own-heads", "False"]


@pytest.mark.parametrize(
    "content",
    [b"", b"1234", b"\xff" * 40, (10).to_bytes(8, "little") + b"not json..", (2).to_bytes(8, "little") + b"{}"],
)
def test_other_files_are_left_out_with_a_line(content: bytes, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "broken.safetensors").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        assert list(entries()) == shipped()
    assert "broken.safetensors is no converted model" in caplog.text


def test_the_shipped_weights_are_no_converted_model(folder: Path) -> None:
    with pytest.raises(LibraryError, match="is no converted model"):
        read_entry(DEFAULT)
    with pytest.raises(LibraryError, match="is no converted model"):
        read_entry(keep(folder / "x.safetensors", family="stylegan"))


@pytest.mark.parametrize("name", ["", "../x", "a b", "Ä", "-a", "a" * 41, "A", "x/y", "nul\0"])
def test_names_that_are_no_names_are_refused(name: str) -> None:
    with pytest.raises(LibraryError, match="cannot be called"):
        place(name)


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAQUETTE_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    monkeypatch.setattr(sys, "platform", "linux")
    assert library.folder() == Path("/somewhere/maquette/models")


def test_unknown_generators_are_told_by_name() -> None:
    with pytest.raises(LibraryError, match="no generator called 'own-heads'"):
        synthesis.load("own-heads", "cpu")


def test_avatars_are_changed_by_the_model_that_made_them(folder: Path) -> None:
    import numpy as np

    from backend.synthesis.source import Source

    keep(folder / "own-heads.safetensors")
    numbers = np.zeros((1, 2, 2), np.float16), np.zeros(2, np.float16)
    own, other = (Source(*numbers, name).pack() for name in ("0123456789abcdef", "fedcba9876543210"))
    assert synthesis.chosen(None, [own]) == "own-heads" and synthesis.chosen(None, [other]) == "rodin"
    assert synthesis.chosen(None) == "rodin" and synthesis.chosen("busts", [own]) == "busts"


def test_every_family_has_terms_and_a_text_is_found(tmp_path: Path) -> None:
    assert set(LICENCES) <= set(library.INPUTS) == set(synthesis.CONVERTED)
    assert [name for name, licence in LICENCES.items() if licence.commercial] == ["triposr"]
    assert find_text(tmp_path / "model.ckpt") == ""
    (tmp_path / "LICENSE").write_text("terms")
    assert find_text(tmp_path / "model.ckpt") == "terms"
