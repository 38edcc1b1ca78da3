# SPDX-License-Identifier: GPL-3.0-or-later
import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import reference_pages  # noqa: E402
from reference_pages import Sentence, kinds_of_error, protocol_page, sentences_of  # noqa: E402

from blender_addon.protocol import ErrorCode  # noqa: E402
from blender_addon.protocol.wire import EVENTS, REQUESTS  # noqa: E402

SOURCE = """
class OddError(Exception):
    def __init__(self, message, hint=""): ...

class OdderError(OddError): ...

def one(name):
    if name:
        raise OddError(f"{name} is odd.", "Choose another.")
    sentence = "Nothing is here."
    if name is None:
        raise OdderError(sentence)
    sentence = "All is " + "lost."
    raise OdderError(sentence, hint="Begin anew." if name else "Wait.")

def other(error):
    raise OddError(str(error), "This has no sentence of its own.")
"""


def test_sentences_are_found_with_their_remedies_wherever_they_are_put_together() -> None:
    tree = ast.parse(SOURCE)
    kinds = kinds_of_error([tree])
    assert kinds["OddError"] == kinds["OdderError"] == (0, 1)
    assert sorted(sentences_of(tree, kinds)) == [
        Sentence("All is lost.", "Begin anew."),
        Sentence("All is lost.", "Wait."),
        Sentence("Nothing is here.", ""),
        Sentence("… is odd.", "Choose another."),
    ]


def test_the_protocols_page_has_every_message_every_field_and_every_code() -> None:
    page = protocol_page()
    for kind in (*REQUESTS.values(), *EVENTS.values()):
        assert f"### {kind.__name__}\n" in page
        for name in kind.__dataclass_fields__:
            assert f"| `{name}` |" in page
    assert all(f"| `{code.value}` |" in page for code in ErrorCode)


@pytest.mark.parametrize("name", ["protocol.md", "troubleshooting.md"])
def test_the_stored_pages_are_what_the_code_says(name: str) -> None:
    made = {"protocol.md": reference_pages.protocol_page, "troubleshooting.md": reference_pages.trouble_page}[name]()
    assert (ROOT / "docs" / name).read_text("utf-8") == made, "run python scripts/reference_pages.py"


def test_the_stored_pages_know_what_users_meet_most() -> None:
    trouble = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    for words in (
        "The disk of the backend's store is full.",
        "No Maquette backend answers",
        "jobs of yours wait already",
    ):
        assert words in trouble


def test_a_page_that_is_not_what_the_code_says_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference_pages, "trouble_page", lambda: "sentences\n")
    monkeypatch.setattr(reference_pages, "PROTOCOL", tmp_path / "protocol.md")
    monkeypatch.setattr(reference_pages, "TROUBLE", tmp_path / "troubleshooting.md")
    monkeypatch.setattr(reference_pages, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["reference_pages.py", "--check"])
    assert reference_pages.main() == 1
    monkeypatch.setattr(sys, "argv", ["reference_pages.py"])
    assert reference_pages.main() == 0
    monkeypatch.setattr(sys, "argv", ["reference_pages.py", "--check"])
    assert reference_pages.main() == 0
    (tmp_path / "troubleshooting.md").write_text("another\n")
    assert reference_pages.main() == 1
    assert "troubleshooting.md is not what the code says" in capsys.readouterr().err
