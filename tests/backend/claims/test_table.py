# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of ids, and the files that it names."""

import inspect
from pathlib import Path

import pytest

import backend.claims
from backend.claims import CLAIMS
from backend.claims.run import load_claim

FOLDER = Path(backend.claims.__file__).parent


def test_every_file_with_a_claim_is_in_the_table() -> None:
    with_claim = {path.stem for path in FOLDER.glob("*.py") if "\nCLAIM = Claim(" in path.read_text(encoding="utf-8")}
    assert with_claim == set(CLAIMS.values()) and len(CLAIMS) == 26


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_has_the_common_form(name: str) -> None:
    module = load_claim(name)
    claim = module.CLAIM
    assert claim.id == name and CLAIMS[name] == name.lower()
    assert claim.title and not claim.title.endswith(".") and claim.published and claim.expected and claim.source
    assert claim.sign in (1, -1) and (claim.size is None or claim.size * claim.sign > 0)
    assert list(inspect.signature(module.experiment).parameters) == ["settings", "progress"]
