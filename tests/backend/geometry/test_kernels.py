# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
import torch
from torch.nn import functional

from backend.geometry.kernels import corner, features_at, scatter
from backend.geometry.vectors import LANES


@pytest.mark.parametrize("side", [2, 5, 64])
def test_corner_weights_are_those_of_grid_sample(side: int) -> None:
    image = torch.randn(side, side, generator=torch.Generator().manual_seed(0))
    for u, v in ((0.0, 0.0), (-0.3, 0.9), (-1.0, 1.0), (1.7, -2.0), (0.999, 0.001)):
        start, shares = corner(np.float32(u), np.float32(v), side, 1, 0)
        texels = image.reshape(-1)[[start, start + 1, start + side, start + side + 1]]
        wanted = functional.grid_sample(
            image[None, None], torch.tensor([[[[u, v]]]]), padding_mode="border", align_corners=False
        )
        assert float((texels * torch.tensor(shares)).sum()) == pytest.approx(float(wanted), abs=2e-5)
        assert sum(shares) == pytest.approx(1, abs=1e-6)


def test_scatter_is_the_transpose_of_the_lookup() -> None:
    random = np.random.default_rng(0)
    planes = random.standard_normal((3, 9, 9, LANES), np.float32)
    points = random.uniform(-1.1, 1.1, (40, 3)).astype(np.float32)
    upward = random.standard_normal((40, LANES), np.float32)
    out, back = np.empty((40, LANES), np.float32), np.zeros_like(planes)
    features_at(planes, points, out, 0, 40)
    for plane in range(3):
        scatter(points, upward, plane, back[plane])
    assert float((out * upward).sum()) == pytest.approx(float((planes * back).sum()), rel=1e-3)
