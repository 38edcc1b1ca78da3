# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Callable

import numpy as np
import pytest
import torch

from backend.training.sources.errors import SourceError
from backend.training.sources.hull import hull_samples, mean_colours, visual_hull
from backend.training.sources.nerf import read_nerf
from backend.training.sources.normalise import Sphere
from backend.training.views import ViewSet


@pytest.fixture
def views(write_pictures: Callable) -> ViewSet:
    return read_nerf(write_pictures(), sphere=Sphere((0.0, 0.0, 0.0), 1.0)).train


def test_the_hull_of_a_convex_body_is_the_body(views: ViewSet, egg) -> None:
    hull = visual_hull(views, 40)
    axis = (np.arange(40) + 0.5) / 20 - 1
    cells = torch.from_numpy(np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1)).float()
    true = (egg.sdf(cells.reshape(-1, 3)) < 0).reshape(40, 40, 40).numpy()
    assert (hull & true).sum() > 0.99 * true.sum() and hull.sum() < 1.35 * true.sum()


def test_its_samples_are_those_of_a_surface(views: ViewSet, egg) -> None:
    samples = hull_samples(views, np.random.default_rng(0), near=3000, spread=3000, surface=2000)
    points, sdf = (torch.from_numpy(samples[name].astype(np.float32)) for name in ("points", "sdf"))
    error = sdf - egg.sdf(points)
    assert float(error.median().abs()) < 0.03 and float((error.abs() < 0.06).float().mean()) > 0.9
    surface = torch.from_numpy(samples["surface"].astype(np.float32))
    assert float(egg.sdf(surface).abs().quantile(0.9)) < 0.07
    red = samples["colour"][:, 0].astype(int) > samples["colour"][:, 1]
    sure = surface[:, 0].abs() > 0.15
    assert (torch.from_numpy(red) == (surface[:, 0] > 0))[sure].float().mean() > 0.97


def test_colours_come_from_pictures_that_a_point_faces(views: ViewSet) -> None:
    points = np.array([[0.5, 0.05, 0.0], [-0.5, 0.05, 0.0]])
    colours = mean_colours(views, points, np.sign(points) * [1, 0, 0]) / 255
    np.testing.assert_allclose(colours, [[0.8, 0.2, 0.2], [0.2, 0.7, 0.3]], atol=0.12)


def test_pictures_that_contradict_each_other(views: ViewSet) -> None:
    alpha = torch.zeros_like(views.alpha)
    alpha[::2, :, :20], alpha[1::2, :, 44:] = 1, 1
    alpha[5] = 0
    with pytest.raises(SourceError, match="contradict each other"):
        hull_samples(ViewSet(views.cameras, views.rgb, alpha), np.random.default_rng(0))
