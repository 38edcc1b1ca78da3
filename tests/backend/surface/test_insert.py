# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.insert import bring_back, ring_weights

SQUARE = np.array([1 + 0j, 1j, -1 + 0j, -1j])


def test_a_vertex_lies_where_mean_values_put_it() -> None:
    points = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0.3, -0.2, 0]], np.float64)
    weights = np.empty(5, np.complex128)
    ring_weights(points, 4, np.array([0, 1, 2, 3, 0]), 4, True, weights)
    assert weights[4] == 0 and weights.sum() == pytest.approx(1)
    assert (weights[:4] * SQUARE).sum() == pytest.approx(0.3 - 0.2j)


def test_on_an_outline_the_two_beside_it_count() -> None:
    points = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0.2, -0.5, 0]], np.float64)
    weights = np.empty(3, np.complex128)
    ring_weights(points, 3, np.array([0, 1, 2]), 3, False, weights)
    assert weights[1] == 0
    assert (weights * SQUARE[:3]).sum() == pytest.approx(0.2 + 0.5j) or (weights * SQUARE[:3]).sum() == pytest.approx(
        0.2 - 0.5j
    )


def test_no_face_turns_over_where_weights_would_turn_one() -> None:
    """A ring with a bay: the place that the weights give lies outside of it."""
    ring = np.array([2 + 0j, 2 + 2j, 0.2 + 0.2j, -2 + 2j, -2 + 0j, 0 - 1j])
    flat = np.append(ring, 0j)
    numbers = np.array([0, 1, 2, 3, 4, 5, 0])
    weights = np.array([0, 0.5, 0, 0.5, 0, 0, 0], np.complex128)
    bring_back(flat, np.array([6]), np.array([0, 7]), numbers, weights, 0, 1)
    corners = flat[numbers] - flat[6]
    assert ((corners[:-1].conj() * corners[1:]).imag > 0).all()


def test_what_fits_is_left_where_it_is() -> None:
    flat = np.append(SQUARE, 0j)
    weights = np.array([0.4, 0.2, 0.2, 0.2, 0], np.complex128)
    bring_back(flat, np.array([4]), np.array([0, 5]), np.array([0, 1, 2, 3, 0]), weights, 0, 1)
    assert flat[4] == pytest.approx(0.2)
