# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.geometry.alignment import CROP_SIZE
from backend.refinement.prior import PRIORS, REFERENCE, PriorError, load_prior


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(PriorError) as caught:
        load_prior("magic")
    assert "magic" in caught.value.message and all(name in caught.value.hint for name in PRIORS)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRIORS, "elsewhere", "a_library_nobody_has:load")
    with pytest.raises(PriorError, match="a_library_nobody_has"):
        load_prior("elsewhere")


def test_the_reference_is_the_aligned_crop() -> None:
    assert REFERENCE == CROP_SIZE
