# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.models.plane_upsampler import PlaneUpsamplerConfig
from backend.models.unet import PlaneUNetConfig
from backend.training import build
from backend.training.build import Places, build_stage, sampler, train_stage
from backend.training.engine import EngineConfig, TrainingError
from backend.training.latents import LatentSet
from backend.training.plane_base import PlaneBaseConfig
from backend.training.plane_upsampling import PlaneUpsamplerStageConfig
from backend.training.presets import PRESETS, Paper
from backend.training.refiner import load_refiner

SMALL_BASE = replace(
    PlaneUNetConfig.tiny(), channels=8, size=16, aware_heights=(16,), attention_heights=(8,), features=(), latent=None,
    z=256,
)  # fmt: skip
SMALL = Paper(
    base=SMALL_BASE, base_stage=PlaneBaseConfig(batch=2, steps=20, sample_steps=2),
    upsampler=replace(PlaneUpsamplerConfig.tiny(), features=None, z=256),
    upsampler_stage=PlaneUpsamplerStageConfig(batch=2, steps=10, sample_steps=2, rendered=0), sees="embedding",
)  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published cascade, at a size for tests."""
    monkeypatch.setitem(PRESETS, "rodin", SMALL)


@pytest.mark.usefixtures("small")
def test_published_stages_are_built_train_and_sample(run_of_balls: Path, tmp_path: Path) -> None:
    places = Places(data=run_of_balls, out=tmp_path)
    for name in ("base", "upsampler"):
        stage = build_stage(name, "rodin", places, batch=1, random=True)
        assert stage.config.batch == 1
        stage.network.eval()
        with torch.inference_mode():
            assert sampler(stage, 1)().shape == (1, 8, 16, 48)


def test_what_a_stage_stands_on_is_named(shards: Path, run_of_balls: Path, tmp_path: Path) -> None:
    places = Places(data=shards, out=tmp_path)
    with pytest.raises(TrainingError, match=r"base model needs .*latents\.pt, which is not there") as refusal:
        build_stage("base", "tiny", places)
    assert refusal.value.hint == "Train it first: maquette train latents."
    with pytest.raises(TrainingError, match=r"the prior needs .*embedding\.pt"):
        train_stage("prior", "tiny", places, EngineConfig(steps=1))
    hd = Places(data=run_of_balls, out=tmp_path)
    with pytest.raises(TrainingError, match="no stage planes"):
        build_stage("planes", "rodinhd", hd)


def test_rodinhd_asks_for_its_autoencoder(run_of_balls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "rodinhd", replace(SMALL, sees="autoencoder"))
    with pytest.raises(TrainingError, match="none is given") as refusal:
        build_stage("base", "rodinhd", Places(data=run_of_balls, out=tmp_path))
    assert "--vae" in refusal.value.hint


def test_latents_are_learned_and_kept(shards: Path, tmp_path: Path) -> None:
    path = train_stage("latents", "tiny", Places(data=shards, out=tmp_path), EngineConfig(steps=1))
    assert path == tmp_path / "latents/latents.pt" and LatentSet.load(path).people == 6


def test_the_refiner_learns_from_fitted_people(run_of_balls: Path, tmp_path: Path) -> None:
    places = Places(data=run_of_balls, out=tmp_path)
    path = train_stage("refiner", "tiny", places, EngineConfig(steps=2, sheet_every=0, precision="no"))
    assert path == tmp_path / "refiner/refiner.pt" and load_refiner(path).config.scale == 2


def test_only_published_stages_have_a_sampler() -> None:
    class Other:
        name = "other"

    with pytest.raises(TrainingError, match="no sampler"):
        build.sampler(Other())
