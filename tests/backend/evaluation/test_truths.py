# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest

from backend.evaluation import truths
from backend.studio.assets import Pack


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("VIEWS", 4), ("VIEW_SIZE", 24), ("RAYS", 2), ("CLOUD", 900)):
        monkeypatch.setattr(truths, name, value)


@pytest.mark.usefixtures("small")
def test_a_person_is_made_once(pack_root: Path, tmp_path: Path) -> None:
    pack = Pack(pack_root)
    truth = truths.prepared(1_000_003, pack, tmp_path)
    assert truth.rgb.shape == (4, 24, 24, 3) and truth.cloud.shape == (900, 3) and truth.mattes.shape == (3, 256, 256)
    assert truth.caption == truth.record["caption"] and truth.seed == 1_000_003
    background = truth.alpha == 0
    assert 0.1 < background.mean() < 0.9 and (truth.rgb[background] == 255).all()
    assert (truth.portraits[truth.mattes == 0] == 128).all() and len(np.unique(truth.portraits)) > 20
    (path,) = tmp_path.iterdir()
    before = path.stat().st_mtime_ns
    again = truths.prepared(1_000_003, pack, tmp_path)
    assert path.stat().st_mtime_ns == before and np.array_equal(again.cloud, truth.cloud)


def test_cuts_are_not_judged() -> None:
    points = np.array([[0, 0, 0], [0, -0.99, 0], [0.995, 0, 0], [0, 0, -0.8]], np.float32)
    assert truths.judged(points).tolist() == points[[0, 3]].tolist()


def test_the_first_camera_sees_the_face_and_the_others_go_around() -> None:
    eyes = np.stack([camera.cam_to_world[:3, 3].numpy() for camera in truths.cameras(4)])
    assert (np.argmax(eyes, 1)[0], np.argmax(eyes, 1)[1]) == (2, 0) and eyes[2, 2] < 0 and eyes[3, 0] < 0
