# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest

from backend.studio.assets import Pack
from backend.studio.dataset import DatasetError, axis_views, make_shards, plan_shards, shard_files
from backend.studio.people import Part
from backend.studio.views import Scene
from backend.training.data import People


def test_plans_have_fixed_borders(tmp_path: Path) -> None:
    spans = [(plan.first_seed, plan.last_seed) for plan in plan_shards(range(5, 40), tmp_path)]
    assert spans == [(5, 16), (16, 32), (32, 40)]


def test_shards_are_made_once_and_read_back(pack_root: Path, pack: Pack, tmp_path: Path) -> None:
    assert list(make_shards(range(2), pack_root, tmp_path, workers=1)) == [(0, 1), (1, 1)]
    (path,) = shard_files(tmp_path)
    before = path.stat().st_mtime_ns
    assert list(make_shards(range(2), pack_root, tmp_path, workers=1)) == [(1, 1)]
    assert path.stat().st_mtime_ns == before
    people = People(tmp_path, ("points", "sdf", "axis_rgba"))
    assert len(people) == 2 and people.records[1]["seed"] == 1 and people.records[0]["caption"]
    assert people.take("axis_rgba", [1, 0]).shape == (2, 3, 2, 256, 256, 4)


def test_evaluation_seeds_are_not_trained_on(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no shards"):
        shard_files(tmp_path)
    (tmp_path / "people_01000000_01000016.npz").touch()
    with pytest.raises(DatasetError, match="evaluation"):
        shard_files(tmp_path)
    assert len(shard_files(tmp_path, training=False)) == 1


def test_axis_views_lie_on_their_planes() -> None:
    """A red square at z = 0.5 in the quadrant x, y > 0."""
    vertices = np.array([[0.1, 0.1, 0.5], [0.9, 0.1, 0.5], [0.9, 0.9, 0.5], [0.1, 0.9, 0.5]], np.float32)
    texture = np.full((2, 2, 4), (255, 0, 0, 255), np.uint8)
    card = Part("card", vertices, np.array([[0, 1, 2], [0, 2, 3]]), np.full((2, 3, 2), 0.5, np.float32), texture)
    rgba, depth = axis_views(Scene((card,)), 16)
    for end in (0, 1):
        assert rgba[0, end, 12, 12].tolist() == [1, 0, 0, 1] and not rgba[0, end, 3, 12].any()  # rows are y
        assert abs(depth[0, end, 12, 12] - 0.5) < 1e-3
    assert not rgba[1, :, 3].any()  # seen along y the square is a line
