# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.evaluation import metrics


def test_psnr_of_a_known_error() -> None:
    truth = np.full((4, 4, 3), 0.5)
    assert metrics.psnr(truth + 0.1, truth) == pytest.approx(20.0)
    assert metrics.psnr(truth, truth) == pytest.approx(100.0)


def test_ssim_is_one_for_equal_and_falls_with_noise() -> None:
    random = np.random.default_rng(0)
    picture = random.random((32, 32, 3))
    assert metrics.ssim(picture, picture) == pytest.approx(1.0)
    assert metrics.ssim(random.random((32, 32, 3)), picture) < 0.2


def test_mask_iou() -> None:
    left, middle = np.zeros((2, 4, 4))
    left[:, :2] = middle[:, 1:3] = 1
    assert metrics.mask_iou(left, middle) == pytest.approx(1 / 3)


def test_chamfer_of_concentric_spheres() -> None:
    random = np.random.default_rng(0)
    directions = random.normal(size=(20_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    assert metrics.chamfer(1.1 * directions, directions) == pytest.approx(0.1, abs=0.01)


def test_surface_samples_are_uniform_by_area() -> None:
    vertices = np.array([[0, 0, 0], [3, 0, 0], [0, 1, 0], [-1, 0, 0]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]])  # areas 1.5 and 0.5
    points = metrics.surface_samples(vertices, faces, 8000, np.random.default_rng(0))
    assert np.mean(points[:, 0] > 0) == pytest.approx(0.75, abs=0.02) and not points[:, 2].any()
