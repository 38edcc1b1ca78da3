# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints in the published formats become our networks, which say what the original programs said."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from backend.geometry.cameras import Camera, Rays
from backend.weights import library
from backend.weights.converted import Family, convert, load_gan, load_lrm
from backend.weights.library import LibraryError
from backend.weights.pickled import Record
from backend.weights.plane_gan_files import Unfit, plane_gan
from backend.weights.store import WeightsError
from backend.weights.triposr_files import read_settings
from tests import foreign

REFERENCE = json.loads(Path(__file__).with_name("foreign_reference.json").read_text())
"""What the original programs say of the checkpoints that `tests.foreign` writes."""
GANS = {"eg3d": foreign.EG3D, "panohead": foreign.PANOHEAD}


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models of each test's own."""
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def near(found: torch.Tensor, expected: Any, tolerance: float = 1e-3) -> None:
    """Within a thousandth of the largest value."""
    wanted = torch.tensor(expected)
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() <= tolerance * wanted.abs().max()


@pytest.mark.parametrize("family", ["eg3d", "panohead"])
def test_gan_says_what_the_original_says(family: Family, tmp_path: Path) -> None:
    path = foreign.save_gan(tmp_path / "network.pkl", GANS[family], family)
    entry = convert(path, family, "own-heads")
    model, expected, draw = load_gan(entry), REFERENCE[family], np.random.RandomState(5)
    assert model.config == GANS[family]
    z = torch.from_numpy(draw.randn(1, 512).astype(np.float32))
    points = torch.from_numpy((draw.rand(1, 12, 3) - 0.5).astype(np.float32))
    label = torch.tensor(expected["label"])
    with torch.inference_mode():
        styles = model.styles(z, label, 0.7, 6)
        near(styles[0, :, :3], expected["styles"])
        colour, raw = model.decoder(model.planes(styles).sample(points))
        near(raw[0, :, 0], expected["sigma"])
        near(colour[0, :, :3], expected["colour"])
        camera = Camera(label[:, :16].reshape(1, 4, 4), label[:, 16:].reshape(1, 3, 3))
        view = model(styles, camera, 6, large=True, random=torch.Generator().manual_seed(7))
    near(view.raw[0], expected["raw"])
    near(view.depth[0, 0], expected["depth"])
    assert view.large is not None
    near(functional.avg_pool2d(view.large, 16)[0], expected["large"])


@pytest.mark.parametrize("legacy", [False, True])
def test_triposr_says_what_the_original_says(legacy: bool, tmp_path: Path) -> None:
    entry = convert(foreign.save_triposr(tmp_path, legacy=legacy), "triposr", "own-heads")
    model, expected, draw = load_lrm(entry), REFERENCE["triposr"], np.random.RandomState(5)
    assert model.config == foreign.TRIPOSR
    picture = torch.from_numpy(draw.rand(64, 64, 3).astype(np.float32)).permute(2, 0, 1)[None]
    points = torch.from_numpy(((draw.rand(12, 3) - 0.5) * 1.6).astype(np.float32))
    with torch.inference_mode():
        planes = model(picture)
        near(planes.planes[0, :, :2, 3, 5], expected["planes"])
        colour, raw = model.decode(planes.sample(points[None]))
        near(colour[0], expected["colour"])
        near(model.density(raw)[0, :, 0], expected["density"])
        rays = Rays(torch.tensor(expected["origins"]), torch.tensor(expected["directions"]))
        seen, _ = model.render(planes, rays)
    near(seen.reshape(6, 6, 3), expected["view"])


def test_terms_go_with_the_model_and_are_listed(tmp_path: Path) -> None:
    path = foreign.save_gan(tmp_path / "network.pkl", foreign.PANOHEAD, "panohead")
    (tmp_path / "LICENSE.txt").write_text("the whole text")
    convert(path, "panohead", "own-heads")
    entry = library.entries()["own-heads"]
    assert entry.inputs == ("seed",) and not entry.licence.commercial and entry.licence.text == "the whole text"
    assert entry.origin["file"] == "network.pkl" and len(entry.origin["sha256"]) == 64


def test_another_model_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = foreign.save_triposr(tmp_path)
    convert(path, "triposr", "own-heads")
    with pytest.raises(LibraryError, match="called own-heads already"):
        convert(path, "triposr", "own-heads")
    convert(path, "triposr", "own-heads", overwrite=True)


def test_axes_are_the_checkpoints_own(tmp_path: Path) -> None:
    config = replace(foreign.PANOHEAD, axes=foreign.EG3D_AXES)
    entry = convert(foreign.save_gan(tmp_path / "network.pkl", config, "panohead"), "panohead", "own-heads")
    assert load_gan(entry).config.axes == foreign.EG3D_AXES


def spoilt(tmp_path: Path, family: str, change: str) -> tuple[Path, Family]:
    """A checkpoint with one thing wrong."""
    path = tmp_path / "network.pkl"
    if change == "wrong family":
        return foreign.save_gan(path, foreign.PANOHEAD, "panohead"), "eg3d"
    if change == "no generator":
        return foreign.save_pickle(path, {"G_ema": {"a": 1}}), "eg3d"
    if change == "renderer unknown":
        return foreign.save_gan(path, foreign.PANOHEAD, "panohead", clamp_mode="relu"), "panohead"
    root = foreign.gan_tree(foreign.PANOHEAD, "panohead")
    decoder = root.at(["decoder", "net", "0"], {}).state["_parameters"]
    if change == "not finite":
        decoder["weight"].data[0, 0] = float("nan")
    if change == "missing":
        del root.at(["decoder", "net", "2"], {}).state["_parameters"]["bias"]
    if change == "more":
        decoder["surplus"] = torch.zeros(2)
    if change == "no settings":
        del root.state["rendering_kwargs"]
    if change == "forged mapping":
        root.at(["backbone", "mapping"], {}).state["_modules"]["fc0"].state["_parameters"]["weight"] = torch.zeros(3, 3)
    return foreign.save_pickle(path, {"G_ema": root}), "panohead"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("wrong family", "is a model of PanoHead, not of eg3d"),
        ("no generator", "holds no such generator"),
        ("renderer unknown", "clamps densities by 'relu'"),
        ("not finite", "holds numbers that are not finite, the first in decoder.first.weight"),
        ("missing", "lacks the tensor decoder.last.bias"),
        ("more", "has 1 tensors that its kind does not have"),
        ("no settings", "does not tell how it is rendered"),
        ("forged mapping", "has a mapping network of another form"),
    ],
)
def test_unfit_checkpoints_are_refused_in_a_sentence(change: str, sentence: str, tmp_path: Path, models: Path) -> None:
    path, family = spoilt(tmp_path, "panohead", change)
    with pytest.raises(WeightsError, match=sentence) as caught:
        convert(path, family, "own-heads")
    assert "\n" not in caught.value.message and caught.value.hint
    assert not models.exists()


def test_modules_within_themselves_are_refused() -> None:
    generator = Record()
    generator.kind = "TriPlaneGenerator"
    generator["_modules"] = {"again": generator}
    with pytest.raises(Unfit, match="is no tree of modules"):
        plane_gan({"G_ema": generator}, "eg3d")


def test_settings_are_sections_of_plain_values(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(foreign.SETTINGS)
    settings = read_settings(tmp_path / "config.yaml")
    assert settings[""]["cond_image_size"] == "64" and settings["backbone"]["in_channels"] == "32"
    assert settings["renderer"]["radius"] == "0.87"
    (tmp_path / "config.yaml").write_text("a:\n  - !!python/object/apply:os.system [x]\n")
    with pytest.raises(Unfit, match="more than sections of plain values"):
        read_settings(tmp_path / "config.yaml")
