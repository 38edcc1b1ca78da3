# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from backend.adaptation.adapt import adapt
from backend.adaptation.adaptable import opened
from backend.adaptation.adaptable_planes import AdaptablePlaneGan
from backend.adaptation.errors import AdaptationError
from backend.adaptation.plan import AdaptPlan
from backend.models.plane_gan import PlaneGan, PlaneGanConfig, usual_camera
from backend.weights.library import FORMAT
from backend.weights.licences import LICENCES
from tests.backend.adaptation.worlds import Ideal


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    torch.manual_seed(0)
    config = PlaneGanConfig.tiny()
    told = {"format": FORMAT, "family": "eg3d", "config": json.dumps(config.to_json()),
            "licence": json.dumps(asdict(LICENCES["eg3d"])),
            "origin": json.dumps({"file": "x", "sha256": "ab" * 32})}  # fmt: skip
    save_file(PlaneGan(config).state_dict(), tmp_path / "faces.safetensors", metadata=told)
    return tmp_path


def test_a_converted_model_is_adapted_and_keeps_its_terms(library: Path, tmp_path: Path) -> None:
    generator = opened("faces")
    assert isinstance(generator, AdaptablePlaneGan)
    plan = AdaptPlan(prompt="all red", model="faces", steps=2, batch=2, side=16, samples=4, sheet_every=5)
    run = adapt(generator, Ideal(), plan, tmp_path / "run")
    while True:
        try:
            next(run)
        except StopIteration as done:
            adapted = done.value
            break
    (library / "red.safetensors").write_bytes(adapted.path.read_bytes())
    style = opened("red")
    assert isinstance(style, AdaptablePlaneGan)
    assert style.entry.licence == generator.entry.licence and not style.entry.licence.commercial
    assert style.entry.recipe is not None and style.model_hash != generator.model_hash
    styles = generator.styles(generator.latents(1, torch.Generator().manual_seed(0)), 0.7)
    assert not torch.equal(style.planes(styles), opened("faces").planes(styles))


def test_nothing_in_front_is_white(library: Path) -> None:
    generator = opened("faces")
    assert isinstance(generator, AdaptablePlaneGan)
    generator.network.decoder.last.bias.data[0] -= 100
    styles = generator.styles(generator.latents(1, torch.Generator().manual_seed(0)), 0.7)
    shot = generator.shoot(generator.planes(styles), styles, generator.camera(0.5, 0.1), 8, 4, None)
    torch.testing.assert_close(shot.rgb, torch.ones(3, 8, 8))


def test_cameras_stand_as_its_pictures_were_taken(library: Path) -> None:
    generator = opened("faces")
    front, side = generator.camera(0.0, 0.0), generator.camera(1.2, 0.0)
    usual = usual_camera(PlaneGanConfig.tiny())
    torch.testing.assert_close(front.intrinsics, usual.intrinsics)
    centre = torch.tensor(PlaneGanConfig.tiny().centre)
    for camera in (front, side):
        away = camera.cam_to_world[:3, 3] - centre
        torch.testing.assert_close(away.norm(), (usual.cam_to_world[:3, 3] - centre).norm())
    assert side.cam_to_world[0, 3] > front.cam_to_world[0, 3] + 0.5


def test_what_cannot_be_adapted_is_said(library: Path) -> None:
    with pytest.raises(AdaptationError, match="takes no planes"):
        opened("faces", case=True)
    with pytest.raises(AdaptationError, match="'nobody'"):
        opened("nobody")
