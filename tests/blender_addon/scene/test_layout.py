# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from blender_addon.scene.layout import SPACING, free_place


def test_the_first_avatar_stands_where_it_is_wanted():
    wanted = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(free_place(wanted, np.empty((0, 3))), wanted)


def test_a_row_grows_around_the_first():
    taken = np.empty((0, 3))
    for _ in range(6):
        taken = np.vstack([taken, free_place(np.zeros(3), taken)])
    np.testing.assert_allclose(sorted(taken[:, 0] / SPACING), [-2, -1, 0, 1, 2, 3])


def test_a_place_is_always_found_among_a_crowd():
    taken = np.random.default_rng(5).uniform(-2, 2, (40, 3)) * [1, 0.01, 0.01]
    place = free_place(np.zeros(3), taken)
    assert np.linalg.norm(taken - place, axis=1).min() >= 0.9 * SPACING
