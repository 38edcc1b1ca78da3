# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from backend.studio.assets import Pack
from backend.studio.look_sheet import HAIR, ROWS, SIDE, look_strip, strips_as_sheet
from backend.studio.looks import LOOKS


def test_a_person_is_shown_in_every_look_with_a_sentence_for_each(pack: Pack) -> None:
    strip, said = look_strip(4, pack)
    assert len(said) == len(LOOKS) + len(HAIR) and all(said)
    across = -(-len(said) // ROWS)
    assert strip.shape == (ROWS * SIDE, across * SIDE, 3) and strip.dtype == np.uint8
    first, second = strip[:SIDE, :SIDE], strip[:SIDE, SIDE : 2 * SIDE]
    assert (first < 250).any() and np.abs(first.astype(int) - second).mean() > 2
    assert strips_as_sheet([strip, strip]).shape == (2 * ROWS * SIDE, across * SIDE, 3)
