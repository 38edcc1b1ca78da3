# SPDX-License-Identifier: GPL-3.0-or-later
import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from backend.cli.flags import add_flags, field_docstrings, flags_from, seed_range


@dataclass(frozen=True, kw_only=True)
class Base:
    seeds: range = range(2)
    """Which people."""


@dataclass(frozen=True, kw_only=True)
class Flags(Base):
    """A verb."""

    action: Literal["make", "render"] = field(default="make", metadata={"positional": True})
    """What to do."""
    out: Path
    """Where to, 100% sure."""
    learning_rate: float = 0.5
    """Step
    size."""
    portrait: Path | None = None
    """A photograph."""
    verbose_names: bool = False
    """Long names."""
    sizes: tuple[int, ...] = ()
    """Sides."""


def parse(*arguments: str) -> Flags:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, Flags)
    return flags_from(Flags, vars(parser.parse_args(list(arguments))))


def test_defaults_and_types() -> None:
    assert parse("--out", "there") == Flags(out=Path("there"))
    full = parse(
        "render", "--out", "o", "--learning-rate", "2", "--portrait", "p", "--verbose-names", "--sizes", "1", "2",
        "--seeds", "5:9",
    )  # fmt: skip
    assert full == Flags(
        action="render", out=Path("o"), learning_rate=2.0, portrait=Path("p"), verbose_names=True, sizes=[1, 2],  # type: ignore[arg-type]
        seeds=range(5, 9),
    )  # fmt: skip


def test_help_comes_from_the_strings_under_the_fields() -> None:
    assert field_docstrings(Flags)["learning_rate"] == "Step size."
    assert field_docstrings(Flags)["seeds"] == "Which people."
    parser = argparse.ArgumentParser()
    add_flags(parser, Flags)
    text = " ".join(parser.format_help().split())
    assert "100% sure" in text and "(default: 0.5)" in text and "(default: 0:2)" in text


@pytest.mark.parametrize(("text", "expected"), [("3:5", range(3, 5)), ("7", range(7, 8))])
def test_seed_range(text: str, expected: range) -> None:
    assert seed_range(text) == expected


@pytest.mark.parametrize("text", ["5:3", "a", "-1", "4:4"])
def test_seed_range_refuses(text: str) -> None:
    with pytest.raises(ValueError):
        seed_range(text)
