# SPDX-License-Identifier: GPL-3.0-or-later
import sys
from pathlib import Path

import numpy as np
import torch

from backend.models.sdf_gan import SdfGan, SdfGanConfig

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
import gallery_heads


def test_the_section_replaces_itself_and_leaves_the_rest() -> None:
    page = "# Gallery\n\nWords.\n"
    once = gallery_heads.with_section(page, gallery_heads.section("abc", 0.7))
    assert once.startswith(page) and "`abc`" in once
    twice = gallery_heads.with_section(once + "\n## More\n", gallery_heads.section("def", 0.7))
    assert twice.count(gallery_heads.BEGIN) == 1 and "`abc`" not in twice and twice.rstrip().endswith("## More")
    assert twice.startswith(page)
    again = page + gallery_heads.kept_section(twice)
    assert again == gallery_heads.with_section(page, gallery_heads.section("def", 0.7))
    assert gallery_heads.kept_section(page) == ""


def test_mixing_begins_with_one_head_and_ends_with_the_other(monkeypatch) -> None:
    monkeypatch.setattr(gallery_heads, "SIDE", 16)
    torch.manual_seed(0)
    generator = SdfGan(SdfGanConfig.tiny())
    picture = gallery_heads.styles(generator, 1.0)
    assert picture.shape == (32, 16 * gallery_heads.COLUMNS, 3)
    ends = [gallery_heads.draw(generator, gallery_heads.drawn(generator, seed, 1.0))[0] for seed in (1, 2)]
    for row in (picture[:16], picture[16:]):
        np.testing.assert_array_equal(row[:, :16], ends[0])
        np.testing.assert_array_equal(row[:, -16:], ends[1])
