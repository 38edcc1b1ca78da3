# SPDX-License-Identifier: GPL-3.0-or-later
import io

import pytest

from backend.cli.progress import Bar, duration


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_lines_once_per_stage() -> None:
    stream = io.StringIO()
    with Bar(stream) as bar:
        for step in range(50):
            bar.update("sampling", step / 100)
        bar.update("baking", 0.5, remaining=65)
    assert stream.getvalue() == "sampling: 0%\nbaking: 50%, 1 min 05 s left\n"


def test_terminal_draws_in_place_and_clears() -> None:
    stream = Terminal()
    with Bar(stream) as bar:
        bar.update("sampling", 0.25, remaining=3)
        bar.note("three faces found")
    text = stream.getvalue()
    assert " 25%  sampling, 3 s left" in text and "━" in text
    assert "three faces found\n" in text and text.endswith("\r\x1b[K")


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (61, "1 min 01 s"), (3720, "1 h 02 min")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
