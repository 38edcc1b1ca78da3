# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Generator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from backend.evaluation.repainting import mean, repaint, scores, worn_view
from backend.refinement.prior import Step, View, Wish
from backend.studio.looks import paint
from backend.training.look_set import LookSet
from tests.backend.training import sitting_balls

SHOWN = np.ones((64, 64), bool)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> LookSet:
    folder: Path = sitting_balls.write(tmp_path_factory.mktemp("sittings"))
    return LookSet(folder)


def features(pictures: torch.Tensor) -> list[torch.Tensor]:
    return [torch.nn.functional.avg_pool2d(pictures, 2)]


def noise(strength: float = 60) -> np.ndarray:
    random = np.random.default_rng(0)
    return (128 + strength * random.uniform(-1, 1, (64, 64, 3))).astype(np.uint8)


def test_the_truth_is_right_and_a_blur_is_not_sharp() -> None:
    truth = noise()
    right = scores(truth, truth, SHOWN, features)
    assert right.psnr > 90 and right.detail == 1 and right.error == 0 and right.features == pytest.approx(0, abs=1e-6)
    blurred = cv2.GaussianBlur(truth, (0, 0), 4)
    wrong = scores(blurred, truth, SHOWN, features)
    assert wrong.detail < 0.1 and wrong.error > 0.8 and wrong.features > right.features


def test_noise_is_not_taken_for_detail() -> None:
    """Energy in the wrong places: detail says 1, error says it is wrong."""
    truth = noise()
    truth[:32] = 128
    scores_ = scores(truth[::-1].copy(), truth, SHOWN, features)
    assert scores_.detail == pytest.approx(1, abs=0.05) and scores_.error > 1.5


def test_only_the_head_counts() -> None:
    truth, shown = noise(), SHOWN.copy()
    shown[:, 40:] = False
    other = truth.copy()
    other[:, 44:] = 0
    assert scores(other, truth, shown, features).psnr > 90


class Perfect:
    """Knows the truth of the first ball."""

    name, size = "perfect", 64

    def __init__(self, truth: np.ndarray) -> None:
        self.truth = truth

    def paint(self, view: View, wish: Wish) -> Generator[Step, None, np.ndarray]:
        yield Step(1.0)
        return self.truth


def test_a_perfect_prior_is_seen_to_be_one(people: LookSet) -> None:
    view, _, _ = people.whole(0, 0, 64, "head")
    truth = (paint(view, "photograph") * 255).round().byte().permute(1, 2, 0).numpy()
    (result,) = repaint(Perfect(truth), people, [(0, 0)], 0.8, features, 64)
    assert result.after.psnr > 90 > 40 > result.before.psnr
    assert result.after.features < result.before.features
    assert mean([result.before, result.after]).psnr == pytest.approx((result.before.psnr + result.after.psnr) / 2)


def test_worn_views_are_whole_views(people: LookSet) -> None:
    truth, azimuth, _ = people.whole(1, 1, 64, "head")
    view = worn_view(truth, azimuth, 0.5, torch.Generator().manual_seed(0))
    assert not view.generate.any() and not view.keep.any()
    assert np.isfinite(view.depth[view.shown]).all() and np.isinf(view.depth[~view.shown]).all()
    assert view.azimuth == pytest.approx(azimuth) and azimuth > 1
    assert abs(np.linalg.norm(view.normal[view.shown], axis=1) - 1).max() < 0.02
