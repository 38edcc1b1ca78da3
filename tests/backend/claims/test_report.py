# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses
import io
from pathlib import Path
from types import ModuleType

import numpy as np
from PIL import Image

from backend.claims.base import Settings
from backend.claims.report import WIDTH, encode, write_report
from backend.claims.run import run_claim


def ignore(stage: str, share: float) -> None:
    pass


def test_page_with_table_and_pictures(toy: ModuleType, settings: Settings, tmp_path: Path) -> None:
    page = tmp_path / "docs" / "claims.md"
    stale = page.parent / "images/claims/x9_0.jpg"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"")
    good = run_claim("T1", settings, ignore)
    late = run_claim("T1", dataclasses.replace(settings, minutes=0.0), ignore)
    failed = dataclasses.replace(good, outcome=dataclasses.replace(good.outcome, reproduced=False, why="It is less."))
    write_report([good, late, failed], page, "maquette claims --report docs/claims.md")
    text = page.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| [T1]")]
    assert [row.split(" | ")[5].strip() for row in rows] == ["reproduced", "**not reproduced**", "**not reproduced**"]
    assert " | +0.5 | +0.49 ± 0.08 | yes | " in rows[0] and " | not measured | – | " in rows[1]
    assert "`maquette claims --report docs/claims.md`" in text and "It is less." in text and "prove nothing" in text
    assert "| **mean** | " in text and "seed 2" in text
    assert "(images/claims/t1_0.jpg)" in text
    assert Image.open(page.parent / "images/claims/t1_0.jpg").size == (64, 32)
    assert not stale.exists()


def test_pictures_are_small() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 1500, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(noise).resize((30, 18)).resize((1500, 900), Image.Resampling.BICUBIC))
    small, large = encode(smooth), encode(noise)
    assert len(small) < 150_000 and len(large) < len(encode(noise, limit=10**9))
    with_width = Image.open(io.BytesIO(small))
    assert with_width.size == (WIDTH, 576)
