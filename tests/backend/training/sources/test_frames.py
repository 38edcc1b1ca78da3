# SPDX-License-Identifier: GPL-3.0-or-later
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.training.sources.errors import SourceError
from backend.training.sources.frames import Frame, intrinsics_of, read_frames


def frame(**record: float) -> Frame:
    size = (int(record["w"]), int(record["h"])) if "w" in record else None
    return Frame(Path("a.png"), None, np.eye(4), size, record, None)


def test_opengl_matrices_become_rigid_opencv_ones(write_pictures: Callable, egg_frames: list) -> None:
    def shorten(header: dict) -> None:
        for one in header["frames"]:
            one["transform_matrix"] = np.round(one["transform_matrix"], 3)[:3].tolist()

    frames, _ = read_frames(write_pictures(shorten))
    assert len(frames) == 16 and frames[3].picture.name == "r_3.png"
    for read, (_, matrix) in zip(frames, egg_frames, strict=True):
        axes = read.cam_to_world[:3, :3]
        np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(axes, matrix[:3, :3] * [1, -1, -1], atol=2e-3)


@pytest.mark.parametrize(
    "record",
    [
        {"camera_angle_x": 2 * math.atan(0.5)},
        {"camera_angle_x": 2 * math.atan(0.5), "camera_angle_y": 2 * math.atan(0.25)},
        {"fl_x": 200.0, "fl_y": 200.0, "cx": 100.0, "cy": 50.0, "w": 200, "h": 100},
        {"fl_y": 400.0, "w": 400, "h": 200},
    ],
)
def test_every_way_to_write_a_calibration(record: dict) -> None:
    np.testing.assert_allclose(intrinsics_of(frame(**record), 200, 100), [[1, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])


def test_splits_of_both_kinds_are_kept(write_pictures: Callable) -> None:
    def name(header: dict) -> None:
        header["test_filenames"] = ["./r_2", "./r_9"]
        header["train_filenames"] = [f"./r_{k}" for k in range(16) if k not in (2, 9)]

    folder = write_pictures(name)
    frames, _ = read_frames(folder)
    assert [index for index, one in enumerate(frames) if one.train is False] == [2, 9]
    header = json.loads((folder / "transforms.json").read_text())
    (folder / "transforms.json").unlink()
    for split, part in (("train", header["frames"][:12]), ("test", header["frames"][12:])):
        (folder / f"transforms_{split}.json").write_text(json.dumps({**header, "frames": part}))
    frames, _ = read_frames(folder)
    assert [one.train for one in frames] == [True] * 12 + [False] * 4


def _set(**values: object) -> Callable[[dict], None]:
    return lambda header: header.update(values)


def _frame(index: int, **values: object) -> Callable[[dict], None]:
    return lambda header: header["frames"][index].update(values)


def _matrix(index: int, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[dict], None]:
    def edit(header: dict) -> None:
        one = header["frames"][index]
        one["transform_matrix"] = change(np.array(one["transform_matrix"])).tolist()

    return edit


def _one_place(header: dict) -> None:
    for one in header["frames"]:
        one["transform_matrix"] = header["frames"][0]["transform_matrix"]


BAD = {
    "no cameras": (_set(frames=[]), "has no cameras"),
    "no frames": (lambda header: header.pop("frames"), "has no cameras"),
    "two": (lambda header: header.update(frames=header["frames"][:2]), "has 2 cameras, 3 at least"),
    "nameless": (_frame(1, file_path=None), "frame 1 of transforms.json names no picture"),
    "missing": (_frame(2, file_path="gone.png"), "1 of the files .* the first is gone.png"),
    "no mask": (_frame(2, mask_path="gone.png"), "1 of the files .* the first is gone.png"),
    "no matrix": (_frame(0, transform_matrix=None), "no 4 x 4 transform_matrix"),
    "ragged": (_frame(0, transform_matrix=[[1, 0], [0]]), "no 4 x 4 transform_matrix"),
    "NaN": (_matrix(0, lambda m: m * np.nan), "values that are not numbers"),
    "scaled": (_matrix(0, lambda m: m @ np.diag([2.0, 2, 2, 1])), "not rigid"),
    "mirrored": (_matrix(0, lambda m: m @ np.diag([-1.0, 1, 1, 1])), "not rigid"),
    "singular": (_matrix(0, lambda m: m @ np.diag([1.0, 1, 0, 1])), "not rigid"),
    "transposed": (_matrix(0, lambda m: m.T), "does not end in the row"),
    "distorted": (_set(k1=0.1, p2=-0.02), r"lens distortion \(k1 = 0.1, p2 = -0.02\)"),
    "fisheye": (_set(camera_model="OPENCV_FISHEYE"), "model OPENCV_FISHEYE"),
    "one place": (_one_place, "16 cameras stand in one place"),
    "no width": (_set(w=0, h=64), "picture of 0 x 64"),
    "width": (_set(w="wide", h=64), "w = wide, which is not a number"),
}


@pytest.mark.parametrize(("edit", "says"), BAD.values(), ids=BAD.keys())
def test_bad_cameras_are_answered_in_one_sentence(write_pictures: Callable, edit: Callable, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        read_frames(write_pictures(edit))
    assert "\n" not in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("record", "says"),
    [
        ({}, "no focal length"),
        ({"fl_x": 0.0}, "focal length of 0"),
        ({"fl_x": -90.0}, "focal length of -90"),
        ({"fl_x": 90.0, "fl_y": 1e-5}, "no lens has"),
        ({"fl_x": 1e7}, "no lens has"),
        ({"fl_x": math.nan}, "not a number"),
        ({"camera_angle_x": 0.0}, "no focal length"),
        ({"fl_x": 90.0, "cx": 500.0}, "centre at"),
    ],
)
def test_absurd_calibrations_are_answered_in_one_sentence(record: dict, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        intrinsics_of(frame(**record), 200, 100)
    assert "\n" not in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no transforms.json"), ("{", "cannot be read"), ("[1]", "holds a list"), ("\xff", "cannot be read")],
)
def test_files_that_hold_no_cameras(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "transforms.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(SourceError, match=says):
        read_frames(tmp_path)
