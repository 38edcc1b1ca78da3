# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from blender_addon.scene import layout
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


def test_a_grid_is_centred_and_as_wide_as_asked():
    places = layout.grid(10, 0.7, columns=4)
    assert layout.least_distance(places.positions) == pytest.approx(0.7)
    rows = np.unique(places.positions[:, 1])
    assert len(rows) == 3 and np.diff(rows) == pytest.approx([0.7, 0.7])
    assert rows.mean() == pytest.approx(0)
    # The last row holds two and stands in the middle as well.
    assert sorted(places.positions[places.positions[:, 1] == rows[-1], 0]) == pytest.approx([-0.35, 0.35])
    assert len(np.unique(layout.grid(100, 1.0).positions[:, 0])) == 10


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40])
@pytest.mark.parametrize("arc", [2 * np.pi, 5.9, np.pi, 0.3])
def test_a_ring_keeps_the_spacing_and_no_more(count, arc):
    places = layout.circle(count, 0.7, arc=arc)
    radii = np.linalg.norm(places.positions, axis=1)
    assert len(radii) == count and np.ptp(radii) < 1e-9
    if count > 1:
        assert layout.least_distance(places.positions) == pytest.approx(0.7)
    # `forward` runs along the ring.
    assert (places.forward * places.positions[:, :2]).sum(axis=1) == pytest.approx(np.zeros(count), abs=1e-9)


def test_an_open_ring_is_open_at_the_front():
    places = layout.circle(9, 0.7, arc=np.pi)
    assert places.positions[:, 1].min() > -1e-9
    assert places.positions[:, 0].mean() == pytest.approx(0)


@pytest.mark.parametrize("radius", [0.2, 1.0, 3.0])
def test_more_than_a_ring_holds_go_outside_it(radius):
    places = layout.circle(60, 0.7, radius)
    radii = np.unique(np.linalg.norm(places.positions, axis=1).round(9))
    assert radii[0] == pytest.approx(radius) and len(radii) > 1
    assert np.diff(radii) == pytest.approx(np.full(len(radii) - 1, 0.7))
    assert layout.least_distance(places.positions) >= 0.7 - 1e-9


def test_a_path_is_filled_evenly_from_end_to_end():
    path = np.array([[0, 0, 0], [0, 0, 0], [6, 0, 1], [10, 0, 1]], dtype=float)
    places = layout.along(path, 6, 0.5)
    gaps = np.linalg.norm(np.diff(places.positions, axis=0), axis=1)
    assert places.positions[0] == pytest.approx([0, 0, 0])
    assert places.positions[-1, 0] == pytest.approx(10, abs=0.05)
    assert np.ptp(gaps) < 0.05
    assert places.forward == pytest.approx(np.tile([1.0, 0.0], (6, 1)))


def test_a_winding_path_never_brings_two_together():
    turn = np.linspace(0, 6 * np.pi, 400)
    path = np.stack([0.9 * np.cos(turn), 1.4 * np.sin(turn / 2), 0 * turn], axis=1)
    places = layout.along(path, 11, 0.5, rows=2)
    assert len(places.positions) == 11
    assert layout.least_distance(places.positions) >= 0.5 - 1e-6
    with pytest.raises(layout.LayoutError, match=r"room for [0-9]+ people 0\.5 m apart, not for 400"):
        layout.along(path, 400, 0.5)


def square(side: float, height: float = 0.0) -> np.ndarray:
    corners = np.array([[0, 0, height], [side, 0, height], [side, side, height], [0, side, height]])
    return np.stack([corners[[0, 1, 2]], corners[[0, 2, 3]]])


def test_a_scatter_keeps_its_distance_and_is_even():
    triangles = square(20)
    places = layout.scatter(triangles, 400, 0.6, np.random.default_rng(4)).positions
    assert layout.least_distance(places) >= 0.6 * (1 - 1e-6)
    assert places.min() >= 0 and places[:, :2].max() <= 20
    quarters = np.histogram2d(places[:, 0], places[:, 1], bins=2)[0]
    assert quarters.min() > 70  # of 100 each
    again = layout.scatter(triangles, 400, 0.6, np.random.default_rng(4)).positions
    np.testing.assert_array_equal(places, again)


def test_a_scatter_avoids_steep_and_downward_faces():
    wall = square(5)[..., [0, 2, 1]]
    floor = square(5, 2.0)
    ceiling = square(5, 4.0)[:, ::-1]
    places = layout.scatter(np.concatenate([wall, floor, ceiling]), 20, 0.6, np.random.default_rng(0)).positions
    assert places[:, 2] == pytest.approx(np.full(20, 2.0))
    with pytest.raises(layout.LayoutError, match="no face that looks upwards within 45 degrees"):
        layout.scatter(wall, 1, 0.6, np.random.default_rng(0))


def test_a_full_surface_says_how_many_it_holds():
    with pytest.raises(layout.LayoutError, match=r"has room for about [0-9]+ people 1 m apart, not for 50") as caught:
        layout.scatter(square(4), 50, 1.0, np.random.default_rng(0))
    assert caught.value.hint


def test_points_too_close_are_named():
    points = np.array([[0, 0, 0], [1, 0, 0], [1.2, 0, 0]], dtype=float)
    np.testing.assert_array_equal(layout.at_points(points, 0.2).positions, points)
    with pytest.raises(layout.LayoutError, match=r"points 1 and 2 are 0\.20 m apart, closer than 0\.5"):
        layout.at_points(points, 0.5)


def test_headings_look_where_they_are_told():
    directions = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]], dtype=float)
    turns = layout.heading(directions)
    # Blender turns (0, -1) by the heading about Z, counter-clockwise.
    looks = np.stack([np.sin(turns), -np.cos(turns)], axis=1)
    np.testing.assert_allclose(looks, directions, atol=1e-12)


def test_a_shift_stays_in_its_disc():
    places = layout.grid(200, 1.0)
    moved = layout.shifted(places, 0.2, np.random.default_rng(3)).positions
    way = np.linalg.norm(moved - places.positions, axis=1)
    assert 0.15 < way.max() <= 0.2 and moved[:, 2] == pytest.approx(np.zeros(200))
    assert layout.least_distance(moved) >= 0.6


def test_the_least_distance_is_the_plain_one():
    points = np.random.default_rng(1).uniform(0, 5, (60, 3))
    plain = min(np.hypot(*(a - b)[:2]) for i, a in enumerate(points) for b in points[:i])
    assert layout.least_distance(points) == pytest.approx(plain)
    assert layout.least_distance(points[:1]) == np.inf


def test_shares_add_up_and_follow_the_weights():
    for count in (1, 7, 200, 1001):
        found = layout.shares(np.array([1.0, 2.0, 5.0, 0.0]), count)
        assert found.sum() == count and found[3] == 0
        assert np.abs(found - np.array([1, 2, 5, 0]) / 8 * count).max() < 1


def test_neighbours_are_different_people():
    places = layout.grid(225, 1.0).positions
    quotas = layout.shares(np.ones(24), 225)
    people = layout.different_neighbours(places, quotas, 2.2, np.random.default_rng(2))
    np.testing.assert_array_equal(np.bincount(people, minlength=24), quotas)
    assert min(layout.least_distance(places[people == person]) for person in range(24)) >= 2.2
    alone = layout.different_neighbours(places, np.array([225]), 2.2, np.random.default_rng(2))
    assert (alone == 0).all()


def test_edges_become_a_chain():
    assert layout.chained(np.array([[3, 1], [0, 2], [1, 0]])).tolist() in ([2, 0, 1, 3], [3, 1, 0, 2])
    closed = layout.chained(np.array([[0, 1], [2, 3], [1, 2], [3, 0]]))
    assert closed[0] == closed[-1] and sorted(closed[:-1]) == [0, 1, 2, 3]
