# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.faces import parts
from backend.faces.parts import HAIR, hair_mask, hair_region, held_out_overlaps, part_shares, parts_of
from backend.studio.sittings import PARTS


def test_the_region_is_wider_than_the_part(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = torch.zeros(1, 11, 32, 32)
    shares[:, HAIR, :16] = 1
    monkeypatch.setattr(parts, "part_shares", lambda pictures: shares)
    region = hair_region(torch.zeros(1, 3, 32, 32))
    assert region[0, 0, :17].min() == 1 and region[0, 0, 17:].max() == 0


@pytest.mark.parametrize("side", [48, 128, 200])
def test_pictures_of_any_side_are_read(side: int) -> None:
    pictures = torch.ones(2, 3, side, side)
    shares = part_shares(pictures)
    assert shares.shape == (2, 1 + len(PARTS), side, side)
    torch.testing.assert_close(shares.sum(1), torch.ones(2, side, side))
    assert torch.equal(parts_of(pictures), shares.argmax(1))
    assert torch.equal(hair_mask(pictures)[:, 0], shares[:, HAIR])
    assert PARTS[HAIR - 1] == "hair"


def test_the_shipped_finder_knows_the_parts_that_edits_speak_of() -> None:
    told = held_out_overlaps()
    assert {"body", "eyes", "hair", "top"} <= set(told) and min(told[name] for name in ("body", "hair", "top")) > 0.8
