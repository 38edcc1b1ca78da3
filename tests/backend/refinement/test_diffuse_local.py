# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.models.look_denoiser import scale_of
from backend.refinement import diffuse_local
from backend.refinement.diffuse_local import UNITS_ACROSS, DiffuseLocal, load, look
from backend.refinement.prior import PriorError, PriorSettings, Step, View, Wish, load_prior
from backend.weights.looks import LOOKS, LookModel, LookModelConfig, save_looks

SIDE = 64


@pytest.fixture
def prior(monkeypatch: pytest.MonkeyPatch) -> DiffuseLocal:
    """Random weights at work, on small passes."""
    monkeypatch.setattr(diffuse_local, "SIDES", (32, 64))
    return DiffuseLocal(_model(), torch.device("cpu"), torch.float32)


def _model() -> LookModel:
    torch.manual_seed(0)
    model = LookModel.build(LookModelConfig.tiny())
    for value in model.network.parameters():
        torch.nn.init.normal_(value, std=0.15)
    return model


def view(side: int = SIDE, generate: float = 0.0, keep: float = 0.0) -> View:
    """A ball; the given masks hold in its left half."""
    line = (np.arange(side) + 0.5) / side * 2 - 1
    y, x = np.meshgrid(-line, line, indexing="ij")
    z = np.sqrt(np.clip(0.64 - x**2 - y**2, 0, None))
    shown = z > 0
    colour = np.stack([0.5 + 0.4 * np.sin(9 * x), 0.5 + 0.4 * y, 0.4 + 0 * x], -1)
    image = (np.where(shown[..., None], colour, 1) * 255).astype(np.uint8)
    left = ((x < 0) & shown).astype(np.float32)
    return View(
        image=image, shown=shown, normal=(np.stack([x, y, z], -1) / 0.8 * shown[..., None]).astype(np.float32),
        depth=np.where(shown, 4.4 - z, np.inf).astype(np.float32), generate=generate * left, keep=keep * left,
        azimuth=0.4, elevation=0.1,
    )  # fmt: skip


def paint(prior: DiffuseLocal, view: View, wish: Wish) -> tuple[list[Step], np.ndarray]:
    steps, painting = [], prior.paint(view, wish)
    while True:
        try:
            steps.append(next(painting))
        except StopIteration as done:
            return steps, done.value


def change(view: View, picture: np.ndarray) -> np.ndarray:
    return np.abs(picture.astype(np.float32) - view.image).mean(-1)


def test_strength_zero_changes_nothing_and_any_other_something(prior: DiffuseLocal) -> None:
    still = view()
    _, same = paint(prior, still, Wish(strength=0.0))
    assert np.abs(same.astype(int) - still.image).max() <= 1
    for strength in (0.2, 0.9):
        made = change(still, paint(prior, still, Wish(strength=strength))[1])
        assert made[still.shown].mean() > 1 and not made[~still.shown].any()


def test_kept_pixels_stay_and_missing_ones_are_made_up(prior: DiffuseLocal) -> None:
    held = view(keep=1.0)
    _, picture = paint(prior, held, Wish(strength=0.7))
    left, right = held.keep == 1, held.shown & (held.keep == 0)
    assert change(held, picture)[left].max() <= 1 and change(held, picture)[right].mean() > 2
    torn = view(generate=1.0)
    torn.image[torn.generate == 1] = (255, 0, 255)
    _, first = paint(prior, torn, Wish(strength=0.0))
    assert change(torn, first)[torn.generate == 1].mean() > 30
    away = torn.shown.copy()
    away[:, : SIDE // 2 + 6] = False  # passes are smaller: their pixels reach over the border
    assert np.abs(first.astype(int) - torn.image)[away].max() <= 1


def test_steps_rise_and_show_something(prior: DiffuseLocal) -> None:
    steps, picture = paint(prior, view(), Wish(steps=3))
    fractions = [step.fraction for step in steps]
    assert len(steps) == 6 and fractions == sorted(fractions) and fractions[-1] == 1
    assert steps[0].preview is not None and steps[0].preview.dtype == np.uint8
    assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8


def test_closing_stops_the_network(prior: DiffuseLocal) -> None:
    asked: list[int] = []
    prior.model.network.register_forward_hook(lambda *_: asked.append(1))
    painting = prior.paint(view(), Wish(steps=6))
    next(painting)
    before = len(asked)
    painting.close()
    assert len(asked) == before == 1


def test_seeds_and_wishes_count(prior: DiffuseLocal) -> None:
    still = view()
    pictures = {
        name: paint(prior, still, wish)[1].astype(int)
        for name, wish in {
            "plain": Wish(seed=1), "again": Wish(seed=1), "other": Wish(seed=2),
            "statue": Wish(seed=1, prompt="a man, a statue"),
            "strict": Wish(seed=1, prompt="a man, a statue", guidance=5.0),
            "unlike": Wish(seed=1, prompt="a man, a statue", negative="marble hair"),
        }.items()
    }  # fmt: skip
    assert np.array_equal(pictures["plain"], pictures["again"])
    names = ["plain", "other", "statue", "strict", "unlike"]
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            assert not np.array_equal(pictures[one], pictures[other]), (one, other)


@pytest.mark.parametrize("side", [32, 48, 100])
def test_any_side_is_answered(prior: DiffuseLocal, side: int) -> None:
    _, picture = paint(prior, view(side), Wish(steps=1))
    assert picture.shape == (side, side, 3)


def test_looks_are_shaded_without_asking_the_network(prior: DiffuseLocal) -> None:
    asked: list[int] = []
    prior.model.network.register_forward_hook(lambda *_: asked.append(1))
    still = view()
    steps, gilded = paint(prior, still, Wish(prompt="a golden statue", strength=0.6))
    assert not asked and steps[-1].fraction == 1
    middle = gilded[28:36, 28:36].reshape(-1, 3).mean(0)
    assert middle[0] > middle[2] + 60  # gold is yellow
    held = view(keep=1.0)
    kept = paint(prior, held, Wish(prompt="a golden statue", strength=0.6))[1]
    assert change(held, kept)[held.keep == 1].max() <= 1


def test_little_strength_is_little_change(prior: DiffuseLocal) -> None:
    still = view()
    little, much = (
        change(still, paint(prior, still, Wish(strength=strength, seed=3))[1])[still.shown].mean()
        for strength in (0.1, 0.4)
    )
    assert 0 < little < 0.5 * much


def test_a_view_is_told_as_training_tells_it() -> None:
    known = look(view(generate=1.0), view().image.astype(np.float32) / 255, 32, 0.5, made_up=False)
    shown = known.guide[0, 5] == 1
    assert (known.guide[0, :3].norm(dim=0)[shown] - 1).abs().max() < 1e-3
    assert known.guide[0, 4][shown].mean().abs() < 0.02 and not known.guide[0, :5][:, ~shown].any()
    assert (known.guide[0, 4, 16, 22] - known.guide[0, 4, 16, 16]) > 0.05  # the border is farther than the middle
    assert not known.picture[(known.guide[:, 6:7] == 1).expand(-1, 3, -1, -1)].any()
    assert known.numbers[0].tolist() == pytest.approx([0.5, 1, 1, scale_of(32 / UNITS_ACROSS)])
    filled = look(view(generate=1.0), view().image.astype(np.float32) / 255, 32, 0.2, made_up=True)
    assert not filled.guide[0, 6].any()


def test_missing_weights_are_named_and_those_of_a_folder_are_used(tmp_path: Path) -> None:
    with pytest.raises(PriorError, match="missing") as caught:
        load(PriorSettings(folder=tmp_path))
    assert caught.value.hint
    save_looks(_model(), tmp_path / LOOKS.name)
    prior = load_prior("diffuse-local", PriorSettings(folder=tmp_path, device="cpu"))
    assert (prior.name, prior.size) == ("diffuse-local", 512)
