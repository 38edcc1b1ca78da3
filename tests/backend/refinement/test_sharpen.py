# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from backend.refinement import sharpen as sharpen_
from backend.refinement.prior import PriorError, PriorSettings, View, Wish
from backend.refinement.sharpen import FACE, SIDE, WINDOW, Sharpen, cut, load, square_in, windows
from backend.weights.faces import FACES, Faces, load_faces, save_faces


def face(tone: int, dark: int) -> np.ndarray:
    """A window of skin with an eye of its own darkness."""
    picture = np.full((WINDOW, WINDOW, 3), tone, np.uint8)
    cv2.circle(picture, (110 - 56, 117 - 72), 5, (dark,) * 3, -1)
    cv2.circle(picture, (146 - 56, 117 - 72), 5, (dark,) * 3, -1)
    return picture


def blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(cv2.GaussianBlur(picture, (0, 0), 5), (WINDOW // 2,) * 2, interpolation=cv2.INTER_AREA)


@pytest.fixture(autouse=True)
def bald(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody here has hair."""
    monkeypatch.setattr(sharpen_, "hair_mask", lambda pictures: torch.zeros_like(pictures[:, :1]))


@pytest.fixture
def faces() -> Faces:
    """Three people: dark eyes, middling ones, bright ones."""
    truth = np.stack([face(180, dark) for dark in (20, 90, 250)])
    return Faces(np.stack([blurred(each) for each in truth]), truth, ("brown", "blue", "green"), (False, True, False))


def view_of(window: np.ndarray, azimuth: float = 0.0, side: int = 256) -> View:
    """A view whose window is this."""
    view = View(image=np.full((side, side, 3), 180, np.uint8), shown=np.ones((side, side), bool),
                normal=np.zeros((side, side, 3), np.float32), depth=np.full((side, side), 4.4, np.float32),
                generate=np.zeros((side, side), np.float32), keep=np.zeros((side, side), np.float32),
                azimuth=azimuth, elevation=0.0)  # fmt: skip
    image = view.image.copy()
    cv2.warpAffine(window, sharpen_._scaled(square_in(view), len(window)), (side, side), dst=image,
                   borderMode=cv2.BORDER_TRANSPARENT)  # fmt: skip
    shown = view.shown.copy()
    shown[:4] = shown[-4:] = shown[:, :4] = shown[:, -4:] = False
    return replace(view, image=image, shown=shown)


def painted(sharpen: Sharpen, view: View, prompt: str = "") -> np.ndarray:
    run = sharpen.paint(view, Wish(prompt=prompt))
    while True:
        try:
            next(run)
        except StopIteration as done:
            return done.value


def test_whom_it_knows_it_sharpens_exactly(faces: Faces) -> None:
    sharpen = Sharpen(faces)
    for index in range(3):
        window = faces.drawn[index] / np.float32(255)
        sharp = cv2.resize(window, (WINDOW,) * 2, interpolation=cv2.INTER_CUBIC) + sharpen.detail(window)
        off = np.abs(sharp - faces.truth[index] / np.float32(255))
        assert off[117 - 72, 110 - 56].max() < 0.06, index


def test_darker_skin_keeps_its_tone_and_gets_weaker_detail(faces: Faces) -> None:
    sharpen = Sharpen(faces)
    fair, dark = (sharpen.detail(np.float32(share) * faces.drawn[0] / 255) for share in (1.0, 0.9))
    np.testing.assert_allclose(dark, 0.9 * fair, atol=0.02)
    outside = FACE.mask(WINDOW)[..., 0] == 0
    assert not fair[outside].any()


def test_the_sentence_chooses_the_eyes(faces: Faces) -> None:
    sharpen, window = Sharpen(faces), faces.drawn[0] / np.float32(255)
    eye = 117 - 72, 110 - 56
    own, green = sharpen.detail(window)[eye], sharpen.detail(window, "a woman with green eyes")[eye]
    assert own.mean() < -0.1 < green.mean()
    np.testing.assert_array_equal(sharpen.detail(window, "a man with pink eyes")[eye], own)  # nobody has them


def test_a_view_is_sharpened_where_the_face_is(faces: Faces) -> None:
    sharpen = Sharpen(faces)
    view = view_of(faces.drawn[0])
    place = square_in(view)
    np.testing.assert_allclose(cut(view, place, WINDOW // 2), faces.drawn[0] / 255, atol=0.12)
    after = painted(sharpen, view).astype(int) - view.image
    assert after.min() < -20 and not after[~view.shown].any()
    x, y = np.round(place @ [(110 - 128) / 128, (117 - 128) / 128, 1]).astype(int)
    assert after[y, x].mean() < -15
    kept = replace(view, keep=np.ones_like(view.keep))
    np.testing.assert_array_equal(painted(sharpen, kept), view.image)


def test_hair_stays_as_it_is(faces: Faces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharpen_, "hair_mask", lambda pictures: torch.ones_like(pictures[:, :1]))
    view = view_of(faces.drawn[0])
    np.testing.assert_array_equal(painted(Sharpen(faces), view), view.image)


def test_from_the_side_nothing_is_sharpened(faces: Faces) -> None:
    view = view_of(faces.drawn[0], azimuth=0.8)
    np.testing.assert_array_equal(painted(Sharpen(faces), view), view.image)


def test_windows_are_the_same_part_at_every_side() -> None:
    place = np.linspace(0, 255, 256).round().astype(np.uint8)
    down, across = np.meshgrid(place, place, indexing="ij")
    square = np.stack([across, down, 0 * down], 2)
    large, small = windows(square), windows(square[::2, ::2])
    assert large.shape == (WINDOW, WINDOW, 3) and small.shape == (WINDOW // 2, WINDOW // 2, 3)
    np.testing.assert_array_equal(large[::2, ::2], small)


def test_examples_are_written_read_missed_and_refused(faces: Faces, tmp_path: Path) -> None:
    path = tmp_path / FACES.name
    save_faces(faces, path)
    found = load(PriorSettings(folder=tmp_path))
    assert found.size == SIDE and found.faces.eyes == faces.eyes and found.faces.smiling == faces.smiling
    assert np.abs(found.faces.truth.astype(int) - faces.truth).mean() < 3
    with pytest.raises(PriorError, match="missing"):
        load(PriorSettings(folder=tmp_path / "nowhere"))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / FACES.name).write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(PriorError, match="damaged"):
        load(PriorSettings(folder=tmp_path / "bad"))


def test_what_ships_is_small_and_whole() -> None:
    faces = load_faces()
    assert len(faces.drawn) == len(faces.truth) == len(faces.eyes) == len(faces.smiling) > 300
    assert FACES.stat().st_size < 12e6
