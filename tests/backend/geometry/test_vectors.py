# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.geometry.compiled import compiled
from backend.geometry.vectors import LANES, OUTPUTS, ROWS, blend, dense


@compiled
def product(out: np.ndarray, inputs: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> None:
    dense(out, 0, ROWS, inputs, weights, bias, False)
    dense(out, ROWS, 1, inputs, weights, bias, True)


@compiled
def sums(out: np.ndarray, texels: np.ndarray, start: int) -> None:
    blend(out, 1, texels, (start, start + 3), (np.float32(0.25), np.float32(2.0)))


@pytest.mark.parametrize("wide", [OUTPUTS, 3 * OUTPUTS])
@pytest.mark.parametrize("deep", [1, LANES, 37])
def test_dense_is_a_matrix_product_with_bias_and_relu(wide: int, deep: int) -> None:
    random = np.random.default_rng(0)
    inputs, weights, bias = (random.standard_normal(shape, np.float32) for shape in ((9, deep), (deep, wide), wide))
    out = np.full((9, wide), 7, np.float32)
    product(out, inputs, weights, bias)
    wanted = inputs @ weights + bias
    np.testing.assert_allclose(out[:ROWS], wanted[:ROWS], atol=1e-4)
    np.testing.assert_allclose(out[ROWS], np.maximum(wanted[ROWS], 0), atol=1e-4)
    assert (out[ROWS + 1 :] == 7).all(), "rows that were not asked for stay as they are"


@pytest.mark.parametrize("wide", [LANES, 4 * LANES])
def test_blend_is_a_weighted_sum_of_runs(wide: int) -> None:
    texels = np.random.default_rng(0).standard_normal(wide + 8, np.float32)
    out = np.zeros((3, wide), np.float32)
    sums(out, texels, 5)
    np.testing.assert_allclose(out[1], 0.25 * texels[5 : 5 + wide] + 2 * texels[8 : 8 + wide], atol=1e-6)
    assert (out[[0, 2]] == 0).all()
