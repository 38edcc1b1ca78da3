# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models.look_denoiser import scale_of
from backend.studio.dataset import DatasetError
from backend.studio.looks import LOOKS, paint
from backend.training import look_set
from backend.training.look_set import LookSet, mirrored, refiners_view
from tests.backend.studio.looks_view import ball
from tests.backend.training import sitting_balls


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> LookSet:
    return LookSet(sitting_balls.write(tmp_path_factory.mktemp("sittings")))


def test_of_what_is_imagined_nothing_but_a_sentence_is_known(people: LookSet) -> None:
    one, two = (people.imagined(20, 16, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(one.picture, two.picture) and one.sentences == two.sentences
    assert one.picture.shape == (20, 3, 16, 16) and float(one.picture.amin()) >= 0 and float(one.picture.amax()) <= 1
    assert not one.known.guide.any() and not one.known.picture.any() and not one.known.numbers[:, :3].any()
    assert sum(sentence != "" for sentence in one.sentences) > 12


def test_repainters_are_told_shape_and_picture_but_now_and_then_not(people: LookSet) -> None:
    batch = people.repainted(60, 32, torch.Generator().manual_seed(3))
    told = batch.known.numbers[:, 1:3]
    assert 0 < int((told == 0).any(1).sum()) < 25
    assert bool(batch.known.guide[told[:, 0] == 1].flatten(1).any(1).all())
    assert any(sentence == "" for sentence in batch.sentences) and any(sentence for sentence in batch.sentences)


def test_parts_are_told_their_finer_scale(people: LookSet) -> None:
    batch = people.repainted(60, 32, torch.Generator().manual_seed(0))
    scales = {round(float(scale), 1) for scale in batch.known.numbers[:, 3]}
    whole = scale_of(32 / sitting_units())
    assert round(whole, 1) in scales and max(scales) > whole + 0.9


def sitting_units() -> float:
    return float(2 * 4.4 * torch.tan(torch.tensor(sitting_balls.BUST_OPENING / 2)))


def test_labels_are_the_looks(people: LookSet) -> None:
    pictures, labels = people.labelled(30, 32, torch.Generator().manual_seed(1))
    assert pictures.shape == (30, 3, 32, 32) and len(set(labels.tolist())) > 12
    gold = [look.name for look in LOOKS].index("gold")
    golden = pictures[labels == gold]
    if len(golden):
        middle = golden[:, :, 14:18, 14:18].mean((2, 3))
        assert bool((middle[:, 0] > middle[:, 2] + 0.2).all())


def test_what_is_kept_shows_the_truth_and_what_is_missing_nothing() -> None:
    view = ball()
    photograph, bronze = paint(view, "photograph"), paint(view, "bronze")
    kept = missing = 0
    for seed in range(40):
        known = refiners_view(view, photograph, bronze, 0.3, 0.1, 0.0, torch.Generator().manual_seed(seed))
        keep, generate = known.guide[0, 7], known.guide[0, 6]
        held = keep > 0.999
        if held.any() and float(known.numbers[0, 2]):
            kept += 1
            assert torch.allclose(known.picture[0][:, held] / 2 + 0.5, bronze[:, held], atol=1e-3)
        if (generate > 0.999).any():
            missing += 1
            assert not known.picture[0][:, generate > 0.999].any()
    assert kept > 2 and missing > 2


def test_a_mirror_turns_head_and_camera_but_not_the_light() -> None:
    view = ball(azimuth=0.7)
    twice = mirrored(mirrored(view))
    assert torch.equal(twice.normal, view.normal) and torch.equal(twice.place, view.place)
    lit = paint(mirrored(view), "clay")
    other = paint(ball(azimuth=-0.7), "clay")
    assert float((lit - other).abs().mean()) < 0.02


def test_folders_without_sittings_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "people_00000000_00000001.npz", header=np.zeros(2, np.uint8))
    with pytest.raises(DatasetError, match="has no bust_camera") as caught:
        LookSet(tmp_path)
    assert "sittings" in caught.value.hint


def test_memory_is_bounded(tmp_path: Path) -> None:
    sitting_balls.write(tmp_path)
    sitting_balls.write(tmp_path, first=16)
    assert len(LookSet(tmp_path)) == 2 * sitting_balls.PEOPLE
    assert len(LookSet(tmp_path, most=1)) == sitting_balls.PEOPLE
    assert look_set.MOST >= 256
