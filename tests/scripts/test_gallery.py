# SPDX-License-Identifier: GPL-3.0-or-later
import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from backend.synthesis.base import Condition, Progress, Sample
from backend.synthesis.source import Source
from tests.analytic import BustField

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import gallery

SMALL = {"steps": 1, "resolution": 32, "faces": 500, "texture_size": 64}


class Sculptor:
    """A synthesizer that makes the same bust for everyone and remembers what it was asked."""

    name, model_hash = "sculptor", "0123456789abcdef"
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.asked: list[Condition] = []

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        self.asked.append(condition)
        yield Progress("sample", 1.0)
        source = Source(np.zeros((2, 3, 9), np.float16), np.ones(5, np.float16), self.model_hash, condition.seed)
        return Sample(BustField(), source, ("a note",))


def test_what_the_issue_asks_for_is_there() -> None:
    names = [entry.name.split("_")[0] for entry in gallery.entries()]
    counts = {kind: names.count(kind) for kind in set(names)}
    assert counts == {"seed": 8, "sentence": 8, "portrait": 3, "fitted": 3, "edit": 4}
    assert all(entry.source is None or entry.source in {each.name for each in gallery.entries()} for entry in
               gallery.entries())  # fmt: skip


def test_avatars_are_made_once_and_edits_start_from_them(tmp_path: Path) -> None:
    small = [
        replace(entry, request={**entry.request, "options": {**entry.request.get("options", {}), **SMALL}})
        for entry in gallery.entries()
        if entry.name in ("seed_2", "edit_3")
    ]
    sculptor = Sculptor()
    made = {entry.name: avatar for entry, avatar in gallery.make(small, tmp_path, "draft", sculptor, None)}
    assert [condition.seed for condition in sculptor.asked] == [2, 2]
    assert sculptor.asked[1].edit.sentence == "red hair" and sculptor.asked[1].edit.source.seed == 2
    assert len(list(gallery.make(small, tmp_path, "draft", sculptor, None))) == 2 and len(sculptor.asked) == 2
    before, after = made["seed_2"].strip, gallery.shown(small[1], made)
    assert before.shape == after.shape == (gallery.SIDE, 4 * gallery.SIDE, 3)
    page = gallery.page(small, made, "draft")
    assert "maquette edit seed_2" in page and "images/gallery/edit_3.jpg" in page and page.count("> a note") == 2
    assert len(gallery.jpeg(after)) < 60_000
