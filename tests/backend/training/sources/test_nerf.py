# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.studio.assets import Pack
from backend.studio.export import FIELD_OF_VIEW, write_person
from backend.studio.parameters import sample_parameters
from backend.studio.people import build_person
from backend.training.quality import view_psnr
from backend.training.sources.errors import SourceError
from backend.training.sources.nerf import read_nerf
from backend.training.sources.normalise import Sphere

WHOLE = Sphere((0.0, 0.0, 0.0), 1.0)


def test_pictures_of_a_field_are_what_the_field_shows_from_the_same_cameras(write_pictures: Callable, egg) -> None:
    source = read_nerf(write_pictures(), sphere=WHOLE)
    assert len(source.train) == 14 and len(source.held) == 2 and source.samples is None and not source.notes
    assert min(view_psnr(egg, source.train) + view_psnr(egg, source.held)) > 30
    assert float(source.train.rgb[:, 0, 0].min()) == 1.0, "over white"


def test_without_a_box_the_cameras_say_where_the_subject_is(write_pictures: Callable) -> None:
    source = read_nerf(write_pictures())
    half = 4.4 * np.tan(0.4538 / 2)
    np.testing.assert_allclose(source.placement.to_user(np.eye(3)), np.eye(3) * half, atol=0.02)
    centre = source.train.cameras.project(torch.zeros(14, 1, 3))[0]
    np.testing.assert_allclose(centre, 0.5, atol=0.01)


def test_an_even_background_stands_for_masks(write_pictures: Callable) -> None:
    masked = read_nerf(write_pictures(), sphere=WHOLE)
    source = read_nerf(write_pictures(mode="RGB"), sphere=WHOLE)
    assert "even background #1e3c5a" in source.notes[0]
    apart = (source.train.alpha - masked.train.alpha.round()).abs().mean()
    assert float(apart) < 0.03


def test_masks_are_files_of_their_own(write_pictures: Callable, egg_frames: list) -> None:
    def add(header: dict) -> None:
        for k, one in enumerate(header["frames"]):
            one["mask_path"] = f"mask_{k}.png"

    folder = write_pictures(mode="RGB")
    for k, (rgba, _) in enumerate(egg_frames):
        Image.fromarray(rgba[..., 3]).save(folder / f"mask_{k}.png")
    source = read_nerf(write_pictures(add, mode="RGB"), sphere=WHOLE)
    assert not source.notes
    np.testing.assert_allclose(source.train.alpha[0], egg_frames[0][0][..., 3] / 255, atol=1e-6)


def test_larger_pictures_are_reduced_without_their_hidden_colours(write_pictures: Callable) -> None:
    folder = write_pictures()
    for file in folder.glob("*.png"):
        rgba = np.array(Image.open(file).resize((256, 256), Image.Resampling.NEAREST))
        rgba[rgba[..., 3] == 0] = (0, 0, 255, 0)
        Image.fromarray(rgba).save(file)
    source = read_nerf(folder, sphere=WHOLE, view_size=64)
    assert source.train.rgb.shape[1:] == (64, 64, 3)
    assert (
        float(source.train.rgb[..., 2].sub(1).clamp_min(0).max()) == 0 and float(source.train.rgb[0, 32, 20, 2]) < 0.6
    )


def test_frames_may_have_sizes_of_their_own_if_they_say_so(write_pictures: Callable, egg) -> None:
    def own(header: dict) -> None:
        for k, one in enumerate(header["frames"]):
            one |= {"w": 128, "h": 128} if k == 3 else {"w": 64, "h": 64}

    folder = write_pictures(own)
    Image.open(folder / "r_3.png").resize((128, 128)).save(folder / "r_3.png")
    source = read_nerf(folder, sphere=WHOLE, view_size=64)
    assert min(view_psnr(egg, source.train)) > 28


def test_a_studio_person_comes_back(tmp_path: Path) -> None:
    place = Path(__file__).parents[2] / "studio/miniature.py"
    spec = importlib.util.spec_from_file_location("miniature", place)
    miniature = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(miniature)
    pack = Pack(miniature.write_pack(tmp_path / "pack"))
    write_person(build_person(sample_parameters(3, pack), pack), tmp_path / "person", views=6, size=48)
    source = read_nerf(tmp_path / "person")
    np.testing.assert_allclose(source.placement.to_box(np.eye(3)), np.eye(3), atol=1e-12)
    assert len(source.train) + len(source.held) == 6
    focal = 0.5 / np.tan(FIELD_OF_VIEW / 2)
    np.testing.assert_allclose(source.train.cameras.intrinsics[0], [[focal, 0, 0.5], [0, focal, 0.5], [0, 0, 1]])
    distance = (source.train.cameras.cam_to_world[:, :3, 3] - torch.tensor([0, -0.05, 0])).norm(dim=1)
    np.testing.assert_allclose(distance, 4.4, rtol=1e-5)


def _resize(name: str, size: tuple[int, int]) -> Callable[[Path], None]:
    return lambda folder: Image.open(folder / name).resize(size).save(folder / name)


def _noise(folder: Path) -> None:
    random = np.random.default_rng(0)
    for file in folder.glob("*.png"):
        Image.fromarray(random.integers(0, 255, (64, 64, 3), np.uint8)).save(file)


def _clear(folder: Path) -> None:
    Image.new("RGBA", (64, 64)).save(folder / "r_5.png")


BAD = {
    "sizes": (_resize("r_3.png", (40, 40)), {}, {}, r"2 different sizes \(40 x 40 and 64 x 64 pixels\)"),
    "shape": (lambda folder: None, {"w": 64, "h": 48}, {}, "r_0.png has 64 x 64 pixels, transforms.json says 64 x 48"),
    "no picture": (lambda folder: (folder / "r_3.png").write_text("hello"), {}, {}, "r_3.png is not a picture"),
    "no masks": (_noise, {}, {}, "no masks and no even background"),
    "nothing": (_clear, {}, {}, "1 of 16 pictures .* show nothing"),
    "inside": (lambda folder: None, {}, {"sphere": Sphere((0, 0, 0), 9.0)}, "16 of 16 cameras stand inside the box"),
    "box": (lambda folder: None, {"aabb": [1, 2]}, {}, "aabb"),
    "singular": (lambda folder: None, {"fl_x": 0}, {}, "focal length of 0"),
}


@pytest.mark.parametrize(("spoil", "header", "options", "says"), BAD.values(), ids=BAD.keys())
def test_bad_pictures_are_answered_in_one_sentence(
    write_pictures: Callable, spoil: Callable, header: dict, options: dict, says: str
) -> None:
    folder = write_pictures(lambda content: content.update(header))
    spoil(folder)
    with pytest.raises(SourceError, match=says) as caught:
        read_nerf(folder, **options)
    assert "\n" not in caught.value.message and caught.value.hint
