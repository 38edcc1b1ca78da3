# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.studio.dataset import DatasetError
from backend.studio.parameters import SAMPLER_VERSION
from backend.training.subjects import SubjectData, Subjects, load_subject, save_subject
from tests.backend.training.balls import ball_subject


def test_a_subject_comes_back_as_it_was(tmp_path: Path) -> None:
    made = ball_subject(1)
    again = load_subject(save_subject(made, tmp_path, SAMPLER_VERSION))
    assert again.name == "00000001"
    torch.testing.assert_close(again.views.rgb, made.views.rgb, atol=1 / 255, rtol=0)
    torch.testing.assert_close(again.held_out.alpha, made.held_out.alpha, atol=1 / 255, rtol=0)
    assert torch.equal(again.views.cameras.intrinsics, made.views.cameras.intrinsics)
    for name, array in made.points.items():
        np.testing.assert_array_equal(again.points[name], array)
    assert [path.name for path in tmp_path.iterdir()] == ["00000001.npz"]


def test_what_is_not_known_stays_unknown(tmp_path: Path) -> None:
    again = load_subject(save_subject(SubjectData("x", ball_subject(0).views, None, None), tmp_path))
    assert again.held_out is None and again.points is None


def test_names_are_sorted_and_limited(balls: Path) -> None:
    assert Subjects(balls).names == ["00000000", "00000001", "00000002", "00000003"]
    assert len(Subjects(balls, limit=2)) == 2


def test_bad_folders_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="holds no subjects"):
        Subjects(tmp_path)
    (tmp_path / "broken.npz").write_bytes(b"PK")
    with pytest.raises(DatasetError, match="not a readable subject"):
        Subjects(tmp_path).load("broken")
    save_subject(ball_subject(0), tmp_path, SAMPLER_VERSION - 1)
    with pytest.raises(DatasetError, match="was made by sampler"):
        Subjects(tmp_path).load("00000000")
