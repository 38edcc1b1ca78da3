# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from backend.evaluation import parts
from backend.evaluation.runs import Setting
from backend.evaluation.truths import Truth
from backend.models.judge import Judge, JudgeConfig
from backend.studio.assets import Pack
from backend.studio.attributes import JUDGED
from backend.synthesis.base import Condition, Progress, Sample
from backend.synthesis.source import Source
from tests.analytic import SphereField


class Sculptor:
    """A generator whose avatars are balls; the seed decides how large."""

    name, model_hash = "sculptor", "0123456789abcdef"

    def __init__(self) -> None:
        self.asked: list[Condition] = []

    def synthesize(self, condition: Condition) -> Generator[Progress, None, Sample]:
        self.asked.append(condition)
        yield Progress("sample", 1.0)
        source = Source(np.zeros((2, 3, 9), np.float16), np.ones(5, np.float16), self.model_hash)
        radius = 0.6 if condition.portrait is not None else 0.4 + 0.05 * (condition.seed % 5)
        return Sample(SphereField(radius), source, ("a note",))


@dataclass(frozen=True)
class Studio(Setting):
    """The real setting but for generator and truths, which are at hand."""

    sculptor: Sculptor
    person: Truth

    def generator(self) -> Sculptor:
        return self.sculptor

    def truth(self, seed: int) -> Truth:
        return self.person

    def assets(self) -> Pack:
        return Pack(self.pack)


@pytest.fixture
def studio(ball: Truth, pack_root: Path, tmp_path: Path) -> Studio:
    return Studio(pack=pack_root, truths=tmp_path, out=tmp_path, steps=2, sculptor=Sculptor(), person=ball)


def test_a_portrait_is_scored_and_shown(studio: Studio, tmp_path: Path) -> None:
    record = parts.portrait(studio, 1_000_000)
    assert record["psnr"] > 36 and record["chamfer_percent"] < 0.6 and record["seconds"] >= 0
    assert studio.sculptor.asked[0].portrait is not None and studio.sculptor.asked[0].steps == 2
    assert Image.open(tmp_path / "portrait_1000000.png").size == (9 * 32, 32)


def test_the_ceiling_is_the_field_of_the_true_views(studio: Studio) -> None:
    """A model whose field of a person is a ball as large as the views are bright."""

    class Bright:
        planes = SimpleNamespace(config=SimpleNamespace(view_size=16))

        def field(self, views: torch.Tensor) -> SphereField:
            assert views.shape == (1, 10, 16, 48)
            return SphereField(0.6 if views[:, :8].max() == -1 else 0.3)  # the ball's views are empty

    studio.sculptor.model = Bright()
    record = parts.ceiling(studio, 1_000_000)
    assert record["psnr"] > 36 and record["seed"] == 1_000_000


def test_a_sentence_is_asked_and_read_back(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    questions = {name: len(groups) for name, (_, groups) in JUDGED.items()}
    judge = Judge(replace(JudgeConfig.tiny(), questions=questions)).eval()
    monkeypatch.setattr(parts, "shipped_judge", lambda: judge)
    monkeypatch.setattr("backend.evaluation.attributes.shipped_judge", lambda: judge)
    record = parts.sentence(studio, 1_000_004)
    assert studio.sculptor.asked[0].sentence == record["sentence"] and record["notes"] == ["a note"]
    assert set(record["asked"]) <= set(record["read"]) == set(record["read_of_person"])
    shares = parts.understood([record])
    assert 0 <= shares["read"]["mean"] <= 1 and set(shares["read"]) == {*record["asked"], "mean"}


def test_seeds_become_features(studio: Studio) -> None:
    records = [parts.variety(studio, seed) for seed in (0, 3)]
    found = parts.spread_of(records, studio, range(1_000_000, 1_000_002), None)
    assert found.pairwise > 0.05 and found.pairwise == pytest.approx(found.nearest)
    assert found.pairwise_studio == 0 and found.to_training is None  # the same person twice


def test_means_are_of_figures() -> None:
    assert parts.means([{"seed": 1, "psnr": 20.0, "mark": "a"}, {"seed": 2, "psnr": 23.0, "mark": "a"}]) == {
        "psnr": 21.5
    }
