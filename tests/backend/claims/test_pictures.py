# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.claims.pictures import COLOURS, LABEL, curves, error_map, grid, heat


def test_heat_runs_from_black_to_pale() -> None:
    shown = heat(np.array([[0.0, 0.5, 1.0, 7.0]]), top=1.0)[0]
    assert shown[0] == pytest.approx([0, 0, 0]) and shown[2] == pytest.approx([1, 1, 0.85])
    assert np.all(np.diff(shown.sum(-1)) >= 0) and np.array_equal(shown[2], shown[3])


def test_errors_show_where_pictures_differ() -> None:
    truth = np.zeros((4, 4, 3))
    picture = truth.copy()
    picture[1, 2] = 0.25
    lit = error_map(picture, truth).sum(-1) > 0
    assert lit.sum() == 1 and lit[1, 2]


def test_grid_places_every_picture() -> None:
    red, blue = np.zeros((8, 8, 3)), np.zeros((16, 16, 3))
    red[..., 0], blue[..., 2] = 1, 1
    sheet = grid([[red, blue], [blue, red]], ["truth", "ours"], side=20)
    assert sheet.shape == (LABEL + 40, 40, 3) and sheet.dtype == np.uint8
    assert tuple(sheet[LABEL + 10, 10]) == (255, 0, 0) and tuple(sheet[LABEL + 10, 30]) == (0, 0, 255)
    assert tuple(sheet[LABEL + 30, 10]) == (0, 0, 255)
    assert (sheet[:LABEL] < 128).any()  # there is text


def test_curves_rise_with_their_values() -> None:
    chart = curves({"up": [0.0, 1.0, 2.0]}, ["a", "b", "c"], "dB")
    rows, columns = np.nonzero((chart == COLOURS[0]).all(-1))
    line = rows < chart.shape[0] - 40  # the name below has the same colour
    left, right = columns[line].min(), columns[line].max()
    assert rows[line & (columns == left)].mean() > rows[line & (columns == right)].mean() + 100
