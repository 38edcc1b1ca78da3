# SPDX-License-Identifier: GPL-3.0-or-later
import io

import numpy as np
import pytest
from PIL import Image

from backend.faces.networks import FaceFinder
from backend.faces.portrait import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, PortraitError, load_portrait


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def encoded(image: Image.Image, kind: str = "PNG", **settings: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **settings)
    return stream.getvalue()


def in_crop(points: np.ndarray, crop_from_image: np.ndarray) -> np.ndarray:
    return points[:, :2] @ crop_from_image[:2, :2].T + crop_from_image[:2, 2]


@pytest.mark.parametrize(("name", "yaw"), [("collins", 0), ("bluford", -11), ("hopper", 2)])
def test_the_face_stands_where_the_model_expects_it(
    name: str, yaw: float, finder: FaceFinder, portraits: dict[str, bytes]
) -> None:
    portrait = load_portrait(portraits[name], finder)
    points = in_crop(portrait.landmarks, portrait.crop_from_image)
    right, left, mouth = (points[list(index)].mean(0) for index in (RIGHT_EYE, LEFT_EYE, MOUTH_CORNERS))
    assert portrait.crop.shape == (256, 256, 3) and portrait.matte.shape == (256, 256)
    assert abs(right[1] - left[1]) < 5 and 20 < left[0] - right[0] < 80
    assert np.abs((right + left) / 2 + 0.1 * (mouth - (right + left) / 2) - 128).max() < 1
    assert portrait.yaw == pytest.approx(yaw, abs=4)
    assert portrait.matte[120:150, 110:146].min() > 0.99 and portrait.matte[40:80, :30].max() < 0.05


def test_the_crop_shows_what_its_matrix_says(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    portrait = load_portrait(portraits["bluford"], finder)
    again = finder.landmarks(portrait.crop)
    assert again is not None
    expected = in_crop(portrait.landmarks, portrait.crop_from_image)
    assert np.abs(again[:, :2] - expected).mean() < 1.5


def test_stored_in_any_way_the_face_is_the_same(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    image = opened(portraits["hopper"])
    exif = Image.Exif()
    exif[0x0112] = 6
    grey16 = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    ways = {
        "turned": encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif),
        "cmyk": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "grey": encoded(image.convert("L")),
        "16 bit": encoded(grey16),
        "palette": encoded(image.quantize(128)),
        "webp": encoded(image, "WEBP"),
    }
    plain = load_portrait(portraits["hopper"], finder)
    for way, content in ways.items():
        portrait = load_portrait(content, finder)
        assert portrait.image.shape == plain.image.shape, way
        assert np.abs(portrait.landmarks - plain.landmarks)[:, :2].mean() < 3, way
        corners = np.array([[0, 0], [512, 0], [0, 600]])
        shift = in_crop(corners, portrait.crop_from_image) - in_crop(corners, plain.crop_from_image)
        assert np.abs(shift).max() < 10, way


def test_matte_is_zero_outside_the_picture_and_where_it_is_transparent(
    finder: FaceFinder, portraits: dict[str, bytes]
) -> None:
    image = opened(portraits["bluford"])
    tight = load_portrait(encoded(image.crop((120, 10, 360, 310))), finder)
    rows, columns = np.mgrid[0:256, 0:256] + 0.5
    source = in_crop(np.stack([columns.ravel(), rows.ravel()], -1), np.linalg.inv(tight.crop_from_image))
    outside = ((source < -2) | (source > [242, 302])).any(1).reshape(256, 256)
    assert outside.mean() > 0.3 and tight.matte[outside].max() == 0 and (tight.crop[outside] == 128).all()
    assert tight.matte[~outside].mean() > 0.5
    cut_out = image.convert("RGBA")
    cut_out.paste((0, 0, 0, 0), (0, 330, 478, 464))
    whole, holed = (load_portrait(encoded(picture), finder) for picture in (image, cut_out))
    edge = int((whole.crop_from_image @ [240, 330, 1])[1])
    assert whole.matte[edge + 5, 128] > 0.9 and holed.matte[edge + 12 :].max() < 0.01


def test_several_faces_the_largest_is_used_and_said_so(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    group = Image.new("RGB", (900, 464), (90, 90, 90))
    group.paste(opened(portraits["bluford"]), (0, 0))
    group.paste(opened(portraits["collins"]).resize((400, 400)), (490, 40))
    portrait = load_portrait(encoded(group), finder)
    assert portrait.landmarks[1, 0] < 450
    assert any("2 faces" in note and "largest" in note for note in portrait.notes)


def test_small_face_is_noted(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    assert any("pixels wide" in note for note in load_portrait(portraits["collins"], finder).notes)


@pytest.mark.parametrize("name", ["collins", "bluford", "hopper"])
def test_upside_down_comes_out_upright(name: str, finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    portrait = load_portrait(encoded(opened(portraits[name]).rotate(180)), finder)
    plain = load_portrait(portraits[name], finder)
    assert np.abs(portrait.crop.astype(int) - plain.crop)[60:200, 60:200].mean() < 16


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda image: image.crop((0, 0, 478, 170)), "no face"),
        (lambda image: image.crop((225, 0, 478, 464)), "cut off"),
        (lambda image: image.resize((88, 86)), "pixels wide"),
        (lambda image: Image.new("RGB", (300, 300), (200, 120, 80)), "no face"),
    ],
    ids=["forehead", "half", "small", "plain"],
)
def test_what_cannot_be_used_is_refused(
    change: object, part: str, finder: FaceFinder, portraits: dict[str, bytes]
) -> None:
    with pytest.raises(PortraitError) as refusal:
        load_portrait(encoded(change(opened(portraits["bluford"]))), finder)  # type: ignore[operator]
    assert part in refusal.value.message and refusal.value.hint
