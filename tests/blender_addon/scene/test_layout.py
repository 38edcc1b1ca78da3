# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np

from blender_addon.scene.layout import FOOTPRINT, STEP, free_place

NOTHING = np.empty((0, 2, 3))


def test_the_first_avatar_stands_where_it_is_wanted():
    wanted = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(free_place(wanted, NOTHING), wanted)


def test_a_row_grows_around_the_first():
    places, boxes = [], NOTHING
    for _ in range(6):
        places.append(free_place(np.zeros(3), boxes)[0])
        boxes = np.vstack([boxes, (FOOTPRINT + np.array([places[-1], 0, 0]))[None]])
    np.testing.assert_allclose(sorted(np.array(places) / STEP), [-2, -1, 0, 1, 2, 3], atol=1e-9)


def test_an_avatar_does_not_hide_in_the_cube_of_the_startup_scene():
    place = free_place(np.zeros(3), np.array([[[-1.0, -1, -1], [1, 1, 1]]]))
    assert abs(place[0]) - 0.2 >= 1 - 0.01 and place[1] == place[2] == 0


def test_it_stands_on_grounds_and_in_rooms():
    ground = [[-1.0, -1, 0], [1, 1, 0]]
    room = [[-3.0, -3, 0], [3, 3, 3]]
    np.testing.assert_array_equal(free_place(np.zeros(3), np.array([ground, room])), np.zeros(3))


def test_a_place_is_always_found_in_a_crowd():
    rng = np.random.default_rng(5)
    low = rng.uniform(-2, 2, (40, 3)) * [1, 0.05, 0.05]
    boxes = np.stack([low, low + rng.uniform(0.1, 1, (40, 3))], axis=1)
    low, high = free_place(np.zeros(3), boxes) + FOOTPRINT
    overlap = np.minimum(high, boxes[:, 1]) - np.maximum(low, boxes[:, 0])
    assert (overlap.min(axis=1) <= 0.01 + 1e-9).all()
