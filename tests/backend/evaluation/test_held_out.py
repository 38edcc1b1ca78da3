# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Generator

import numpy as np
import pytest
import torch

from backend.evaluation.held_out import complete, pictures, portrait_condition, score_field, strip
from backend.evaluation.truths import Truth
from backend.synthesis.base import Condition, Progress
from tests.analytic import SphereField


class HalfBall(SphereField):
    """The ball, black where its back is."""

    def rgb(self, points: torch.Tensor) -> torch.Tensor:
        return super().rgb(points) * (points[:, 2:] > 0)


class NoBall(SphereField):
    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        return torch.full((len(points),), 0.1)


def test_the_same_ball_is_as_close_as_pictures_can_tell(ball: Truth) -> None:
    score = score_field(SphereField(0.6), ball)
    assert score.psnr > 36 and score.ssim > 0.98 and score.mask_iou > 0.98 and score.chamfer_percent < 0.6


def test_a_greater_ball_is_off_by_its_radius(ball: Truth) -> None:
    score = score_field(SphereField(0.64), ball)
    assert score.chamfer_percent == pytest.approx(100 * 0.04 / 1.1, rel=0.05)
    assert score.mask_iou == pytest.approx((0.6 / 0.64) ** 2, abs=0.05) and score.psnr < 25


def test_front_and_back_are_told_apart(ball: Truth) -> None:
    score = score_field(HalfBall(0.6), ball)
    assert score.psnr_front > 30 and score.psnr_back < 15


def test_nothing_is_infinitely_far(ball: Truth) -> None:
    score = score_field(NoBall(), ball)
    assert score.chamfer_percent == float("inf") and score.mask_iou == 0


def test_the_condition_is_the_photograph(ball: Truth) -> None:
    condition = portrait_condition(ball, steps=3, portrait=2)
    assert condition.matte.max() == 1 and condition.pose == (pytest.approx(0.6), 0) and condition.steps == 3


def test_complete_returns_what_the_generator_returns() -> None:
    class Two:
        name, model_hash = "two", ""

        def synthesize(self, condition: Condition) -> Generator[Progress, None, int]:
            yield Progress("sample", 0.5)
            yield Progress("sample", 1.0)
            return condition.seed

    assert complete(Two(), Condition(seed=7)) == 7


def test_a_strip_shows_portrait_truth_and_avatar(ball: Truth) -> None:
    rgb, _ = pictures(SphereField(0.6), ball)
    shown = strip(ball, rgb)
    assert shown.shape == (32, 9 * 32, 3) and (shown[:, :32] == 90).all()
    assert np.abs(shown[:, 32:64].astype(int) - shown[:, 64:96]).mean() < 3
