# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.evaluation.variety import SIDE, features_of_field, features_of_shards, features_of_views, measure
from backend.geometry.triplane import AXES
from tests.analytic import SphereField


def axis_views(field: SphereField, size: int = 128) -> np.ndarray:
    """Axis views [3, 2, R, R, 4] of a ball, laid out as the studio lays out a person's."""
    line = (np.arange(size) + 0.5) / size * 2 - 1
    up, across = np.meshgrid(line, line, indexing="ij")
    height = np.sqrt(np.clip(field.radius**2 - up**2 - across**2, 0, None))
    views = []
    for first, second in AXES:
        for sign in (1, -1):
            points = np.zeros((size, size, 3), np.float32)
            points[..., first], points[..., second], points[..., 3 - first - second] = across, up, sign * height
            rgba = np.concatenate([field.rgb(torch.from_numpy(points)).numpy(), np.ones((size, size, 1))], -1)
            views.append(rgba * (height > 0)[..., None])
    return (np.stack(views).reshape(3, 2, size, size, 4) * 255).round().astype(np.uint8)


def people(random: np.random.Generator, count: int) -> np.ndarray:
    return random.integers(0, 255, (count, 2, SIDE, SIDE, 4)).astype(np.uint8)


def test_an_avatar_and_a_person_are_seen_alike() -> None:
    field = SphereField(0.7)
    seen, stored = features_of_field(field), features_of_views(axis_views(field)[None])[0]
    assert seen.shape == stored.shape == (2, SIDE, SIDE, 4)
    assert np.abs(seen.astype(float) - stored).mean() < 2
    for turned in (stored[:, :, ::-1], stored[:, ::-1], stored.transpose(0, 2, 1, 3)):
        assert np.abs(seen.astype(float) - turned).mean() > 5


def test_everybody_of_a_folder_is_read(tmp_path: Path) -> None:
    views = np.stack([axis_views(SphereField(radius), 32) for radius in (0.4, 0.5, 0.6)])
    np.savez(tmp_path / "people_00000000_00000002.npz", axis_rgba=views[:2])
    np.savez(tmp_path / "people_00000002_00000003.npz", axis_rgba=views[2:])
    assert np.array_equal(features_of_shards(tmp_path), features_of_views(views))


def test_the_same_variety_is_a_ratio_of_one() -> None:
    random = np.random.default_rng(0)
    found = measure(people(random, 6), people(random, 6), people(random, 9))
    assert found.ratio == pytest.approx(1, abs=0.01)
    assert found.to_training == pytest.approx(found.to_training_studio, rel=0.01)
    assert found.nearest < found.pairwise


def test_collapse_and_copies_are_seen() -> None:
    random = np.random.default_rng(0)
    training, studio = people(random, 9), people(random, 6)
    collapsed = measure(np.repeat(training[:1], 6, 0), studio, training)
    assert collapsed.pairwise == collapsed.nearest == collapsed.to_training == 0 and collapsed.nearest_studio > 0.1
    with pytest.raises(ValueError, match="at least two"):
        measure(training[:1], studio)
