# SPDX-License-Identifier: GPL-3.0-or-later
import io

import numpy as np
import pytest
from PIL import Image

from backend.faces.networks import FaceFinder, warp


def picture(content: bytes) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.mark.parametrize("turns", range(4))
def test_points_follow_a_turned_picture(turns: int, finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    image = picture(portraits["bluford"])
    height, width = image.shape[:2]
    upright = finder.landmarks(image)
    turned = finder.landmarks(np.ascontiguousarray(np.rot90(image, turns)))
    assert upright is not None and turned is not None
    x, y = turned[:, 0], turned[:, 1]
    back = [(x, y), (width - y, x), (width - x, height - y), (y, height - x)][turns]
    span = np.hypot(*(upright[33, :2] - upright[263, :2]))
    assert np.abs(np.stack(back, -1) - upright[:, :2]).mean() < 0.05 * span


def test_faces_come_largest_first(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    collins = picture(portraits["collins"])[:340, 50:390]
    images = [collins, picture(portraits["bluford"]), picture(portraits["hopper"])]
    row = np.concatenate([np.asarray(Image.fromarray(image).resize((400, 400))) for image in images], 1)
    faces = finder.faces(row)
    assert len(faces) == 3
    assert [face.width for face in faces] == sorted((face.width for face in faces), reverse=True)
    assert all(face.presence > 0.9 for face in faces)


def test_no_face_in_noise_stripes_or_the_back_of_nothing(finder: FaceFinder) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)
    stripes = np.repeat((np.indices((200, 200)).sum(0) // 10 % 2 * 255).astype(np.uint8)[..., None], 3, 2)
    for image in (noise, stripes, np.zeros((64, 900, 3), np.uint8)):
        assert finder.landmarks(image) is None


def test_eyes_without_a_face_are_refused(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    image = picture(portraits["bluford"])
    points = finder.landmarks(image)
    assert points is not None
    assert finder.landmarks(np.ascontiguousarray(image[: int(points[6, 1])])) is None


def test_matte_separates_the_head_from_the_corners(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    matte = finder.matte(picture(portraits["bluford"]))
    assert matte.shape == (464, 478) and matte.dtype == np.float32
    assert matte[200, 240] > 0.99 and matte[:60, :60].max() < 0.01 and matte[:60, -60:].max() < 0.01


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_warp_keeps_positions_and_averages(scale: float) -> None:
    rows, columns = np.mgrid[0:200, 0:200] + 0.5
    side = int(200 * scale)
    out = warp(columns.astype(np.float32), np.array([[scale, 0, 0], [0, scale, 0]]), side)
    expected = (np.arange(side) + 0.5) / scale
    inner = slice(4, -4)
    assert np.abs(out[inner, inner] - expected[inner]).max() < 0.05
    checker = ((rows + columns) % 2 * 255).astype(np.uint8)
    if scale < 0.5:
        assert np.ptp(warp(checker, np.array([[scale, 0, 0], [0, scale, 0]]), side)[inner, inner]) < 130


def test_warp_outside_is_the_border_value() -> None:
    out = warp(np.zeros((50, 50, 3), np.uint8), np.array([[1.0, 0, 50], [0, 1, 50]]), 100, border=128)
    assert (out[:49] == 128).all() and (out[51:, 51:] == 0).all()
