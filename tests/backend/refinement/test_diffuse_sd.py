# SPDX-License-Identifier: GPL-3.0-or-later
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.refinement.diffuse_sd import CACHED, DiffuseSd, SdOptions, control_image, load, side_word
from backend.refinement.prior import PriorError, PriorSettings, Step, View, Wish, load_prior
from tests.backend.refinement.test_diffuse_local import change, view
from tests.tiny_diffusion import SIDE, save_tiny_diffusion

pytest.importorskip("diffusers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_diffusion(tmp_path_factory.mktemp("diffusion"))


@pytest.fixture(scope="module")
def prior(folder: Path) -> DiffuseSd:
    prior = load_prior("diffuse-sd", PriorSettings(device="cpu", folder=folder))
    assert isinstance(prior, DiffuseSd)
    return prior


def paint(prior: DiffuseSd, view: View, wish: Wish) -> tuple[list[Step], np.ndarray]:
    steps, painting = [], prior.paint(view, wish)
    while True:
        try:
            steps.append(next(painting))
        except StopIteration as done:
            return steps, done.value


def test_a_folder_is_loaded_with_the_controlnets_beside_it(prior: DiffuseSd) -> None:
    assert prior.controls == ("depth", "normal") and prior.size == SIDE and prior.name == "diffuse-sd"


def test_updates_follow_the_strength_and_kept_pixels_stay(prior: DiffuseSd) -> None:
    half = view(SIDE, keep=1.0)
    steps, picture = paint(prior, half, Wish(strength=0.5, steps=4))
    assert [step.fraction for step in steps] == [0.5, 1.0]
    assert steps[0].preview is not None and steps[0].preview.dtype == np.uint8
    assert not change(half, picture)[half.keep == 1].any()
    assert change(half, picture)[half.shown & (half.keep == 0)].mean() > 5
    still, same = paint(prior, half, Wish(strength=0.0))
    assert not still and np.array_equal(same, half.image)


def test_what_is_missing_is_painted_first_and_in_full(prior: DiffuseSd) -> None:
    torn = view(SIDE, generate=1.0)
    steps, picture = paint(prior, torn, Wish(strength=0.5, steps=2))
    assert [step.fraction for step in steps] == [0.25, 0.5, 1.0]
    assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8
    only, _ = paint(prior, torn, Wish(strength=0.0, steps=2))
    assert [step.fraction for step in only] == [0.5, 1.0]


def test_seeds_and_words_count(prior: DiffuseSd) -> None:
    still = view(SIDE)
    wishes = {"plain": Wish(), "again": Wish(), "seed": Wish(seed=1), "prompt": Wish(prompt="zzz"),
              "negative": Wish(negative="qqq"), "strict": Wish(guidance=20.0)}  # fmt: skip
    made = {}
    for name, wish in wishes.items():
        made[name] = paint(prior, still, Wish(prompt=wish.prompt, negative=wish.negative, seed=wish.seed, steps=2,
                                              strength=1.0, guidance=wish.guidance))[1]  # fmt: skip
    assert np.array_equal(made["plain"], made["again"])
    for name in ("seed", "prompt", "negative", "strict"):
        assert not np.array_equal(made["plain"], made[name]), name


def test_closing_stops_inside_the_denoising_loop(prior: DiffuseSd) -> None:
    asked: list[int] = []
    hook = prior.pipeline.unet.register_forward_hook(lambda *_: asked.append(1))
    painting: Iterator[Step] = prior.paint(view(SIDE), Wish(strength=1.0, steps=5))
    next(painting)
    painting.close()  # type: ignore[attr-defined]
    hook.remove()
    assert len(asked) == 1


def test_the_shape_steers_the_picture(prior: DiffuseSd) -> None:
    ball = view(SIDE)
    flat = View(image=ball.image, shown=ball.shown, normal=np.where(ball.shown[..., None], np.float32([0, 0, 1]), 0),
                depth=np.where(ball.shown, np.float32(4.0), np.inf).astype(np.float32), generate=ball.generate,
                keep=ball.keep, azimuth=ball.azimuth, elevation=ball.elevation)  # fmt: skip
    one, other = (paint(prior, each, Wish(strength=1.0, steps=2))[1] for each in (ball, flat))
    assert not np.array_equal(one, other)


def test_controlnets_look_at_what_they_were_trained_with() -> None:
    ball = view(64, generate=1.0)
    mask = ball.generate
    depth = control_image("depth", ball, ball.image, mask)
    assert depth[32, 32].min() == pytest.approx(1, abs=0.02) and not depth[0, 0].any()
    assert depth[32, 8, 0] < depth[32, 20, 0] < depth[32, 32, 0] and depth[32, 8, 0] > 0.15
    normal = control_image("normal", ball, ball.image, mask)
    assert normal[32, 52, 0] > 0.7 > 0.3 > normal[32, 12, 0]  # red to the right
    assert normal[12, 32, 1] > 0.7 and normal[32, 32, 2] > 0.95  # green up, blue towards the camera
    tile, inpaint = (control_image(kind, ball, ball.image, mask) for kind in ("tile", "inpaint"))  # type: ignore[arg-type]
    np.testing.assert_allclose(tile, ball.image / 255, atol=1e-6)
    assert (inpaint[mask == 1] == -1).all() and np.array_equal(inpaint[mask == 0], tile[mask == 0])


def test_sides_have_names() -> None:
    names = [side_word(azimuth) for azimuth in (0.0, -0.7, math.pi / 2, math.pi, 2 * math.pi)]
    assert [name.split()[0] for name in names] == ["front", "three-quarter", "side", "back", "front"]


@pytest.mark.parametrize("memory", ["sliced", "offloaded"])
def test_saving_memory_changes_no_picture(prior: DiffuseSd, folder: Path, memory: str) -> None:
    sparing = load(PriorSettings(device="cpu", folder=folder, options={"memory": memory, "controls": "depth,normal"}))
    one, other = (paint(each, view(SIDE), Wish(steps=2))[1] for each in (prior, sparing))
    assert np.abs(one.astype(int) - other).max() <= 2


def test_half_precision_is_a_choice(folder: Path) -> None:
    chosen = load(PriorSettings(device="cpu", folder=folder, options={"half": "yes"}))
    assert chosen.pipeline.unet.dtype == torch.float16
    plain = load(PriorSettings(device="cpu", folder=folder, options={"controls": "normal"}))
    assert plain.pipeline.unet.dtype == torch.float32 and plain.controls == ("normal",)


def test_what_is_not_there_is_said_and_not_fetched(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(PriorError, match="local cache"):
        load(PriorSettings(device="cpu"))
    assert next(iter(CACHED)).count("/") == 1
    with pytest.raises(PriorError, match=r"model_index\.json"):
        load(PriorSettings(folder=tmp_path))
    with pytest.raises(PriorError, match="no ControlNet"):
        load(PriorSettings(folder=folder, options={"controls": "tile"}))
    for wrong in ({"memory": "none"}, {"controls": "canny"}, {"colour": "red"}):
        with pytest.raises(PriorError, match="no option"):
            SdOptions.read(wrong)


def test_a_broken_folder_is_one_sentence(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text((folder / "model_index.json").read_text())
    (tmp_path / "controlnet-depth").mkdir()
    (tmp_path / "controlnet-depth/config.json").write_text((folder / "controlnet-depth/config.json").read_text())
    with pytest.raises(PriorError, match="cannot be read") as caught:
        load(PriorSettings(folder=tmp_path))
    assert "\n" not in caught.value.message
