# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn import functional

from backend.models.discriminator import Discriminator
from backend.models.proposal import ProposalCNN
from backend.models.sdf_gan import SdfGan
from backend.training.build import Places, build_stage, train_stage
from backend.training.engine import EngineConfig, TrainingError, train
from backend.training.gan import SHEET_PEOPLE, SHEET_TURNS, GanStage, trained_gan
from backend.training.gan_presets import GANS, build_gan
from backend.training.gan_schedule import GanSchedule, Phase
from backend.training.presets import engine
from backend.weights.library import read_entry
from backend.weights.sdf_gan import load_sdf_gan, save_sdf_gan
from tests.backend.training.gan_balls import write_folder, write_shard


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shard(tmp_path_factory.mktemp("gan"))


def stage(folder: Path, **changes: object) -> GanStage:
    torch.manual_seed(0)
    made = build_gan("tiny", folder)
    made.config = replace(made.config, **changes)
    return made


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_each_turn_reaches_its_own_networks_alone(folder: Path) -> None:
    learning = stage(folder)
    learning.progress = 0.8  # the proposal network serves and learns
    losses = learning.losses(draw())
    assert set(losses) == {"deceived", "surface", "boundary", "sampler"}
    sum(losses.values()).backward()
    assert learning.generator.mapping.layers[0].weight.grad.abs().max() > 0
    assert learning.proposal.name[-1].weight.grad.abs().max() > 0
    learning.network.zero_grad()
    judged = learning.judge(draw())
    assert set(judged) == {"fake", "real", "penalty"}
    sum(judged.values()).backward()
    assert all(parameter.grad is None for parameter in learning.makers.parameters())
    assert learning.discriminator.stem.weight.grad.abs().max() > 0


def test_half_precision_is_left_to_the_networks_of_pictures(folder: Path) -> None:
    learning = stage(folder)
    learning.progress = 0.8
    with torch.autocast("cpu", torch.bfloat16):
        losses = learning.losses(draw()) | learning.judge(draw())
    assert all(value.isfinite() and value.dtype == torch.float32 for value in losses.values())
    sum(losses.values()).backward()
    exact = stage(folder)
    exact.progress = 0.8
    plain = exact.losses(draw())
    for name in ("surface", "boundary"):  # what is asked of places agrees but for the planes' own rounding
        torch.testing.assert_close(losses[name], plain[name], atol=0.02, rtol=0.1)


def test_what_is_learned_follows_the_schedule(folder: Path) -> None:
    learning = stage(folder)
    assert set(learning.losses(draw())) == {"deceived", "surface", "boundary"}
    learning.progress = 0.6
    assert "sampler" in learning.losses(draw())
    penalties = ["penalty" in learning.judge(draw()) for _ in range(17)]
    assert penalties == [True] + [False] * 15 + [True]
    rates = []
    for learning.progress in (0.0, 0.95):
        rates.append(learning.turns[0].groups[2].share())
    assert rates == [0.4, 0.2] and learning.turns[1].groups[0].share() == 0.8


def test_small_renders_and_real_pictures_are_equally_coarse(folder: Path) -> None:
    learning = stage(folder)
    real, _ = learning.views.draw(2, draw())
    coarse = learning._as_rendered(real, 8)
    assert coarse.shape == real.shape
    torch.testing.assert_close(coarse.mean((2, 3)), real.mean((2, 3)), atol=0.02, rtol=0)
    assert coarse.diff(dim=-1).abs().mean() < real.diff(dim=-1).abs().mean()
    whole = learning._as_rendered(real, 16)
    torch.testing.assert_close(whole, real)


def test_a_fixed_discriminator_is_deceived_better(folder: Path) -> None:
    """The generator's step goes down: against a judge that wants dark pictures, people get darker."""
    learning = stage(folder, boundary_weight=0.0, surface_weight=0.0)
    learning.discriminator.forward = lambda picture, label: -20 * functional.relu(picture[:, :3] + 1).mean((1, 2, 3))
    optimiser = torch.optim.Adam(learning.makers.parameters(), lr=2e-3, betas=(0.0, 0.99))
    seen = []
    for step in range(12):
        losses = learning.losses(draw(step))
        seen.append(float(losses["deceived"].detach()))
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
    assert sum(seen[-3:]) < 0.9 * sum(seen[:3])
    assert float(learning.generator.mapping.mean.abs().sum()) > 0


def test_a_discriminator_learns_to_tell_balls_from_spheres_of_noise(folder: Path) -> None:
    learning = stage(folder, batch=4)
    optimiser = torch.optim.Adam(learning.discriminator.parameters(), lr=2e-3, betas=(0.0, 0.99))
    seen = []
    for step in range(25):
        losses = learning.judge(draw(step))
        seen.append(float((losses["fake"] + losses["real"]).detach()))
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
    assert sum(seen[-5:]) < 0.7 * sum(seen[:5])


def test_a_run_leaves_a_model_with_a_sheet_and_continues_exactly(folder: Path, tmp_path: Path) -> None:
    settings = EngineConfig(steps=4, save_every=2, sheet_every=4, precision="no", clip=100.0, weight_decay=0.0)
    path = train(stage(folder), settings, tmp_path / "whole")
    whole = torch.load(path, weights_only=True)
    train(stage(folder), replace(settings, steps=2), tmp_path / "cut")
    torch.manual_seed(0)
    again = stage(folder)
    state = torch.load(tmp_path / "cut/gan.pt", weights_only=True)
    assert len(state["optimiser"]) == 2 and int(state["network"]["judged"]) == 2
    train(again, replace(settings, steps=4), tmp_path / "cut")
    assert int(again.network.judged) == int(whole["network"]["judged"]) == 4
    rows = [json.loads(line) for line in (tmp_path / "whole/gan.jsonl").read_text().splitlines()]
    assert {"deceived", "fake", "real", "surface", "boundary", "penalty"} <= set(rows[0])
    model = trained_gan(path)
    assert model.config.side == 16
    torch.testing.assert_close(model.generator.heads.shape.bias, whole["average"]["makers.generator.heads.shape.bias"])
    save_sdf_gan(model, tmp_path / "gan.safetensors")
    loaded = load_sdf_gan(read_entry(tmp_path / "gan.safetensors"))
    assert loaded.config == model.config
    width, height = Image.open(tmp_path / "whole/gan_000004.png").size
    assert (width, height) == (SHEET_PEOPLE * 16, 2 * len(SHEET_TURNS) * 16)


def test_cameras_are_told_to_a_generator_that_asks(folder: Path) -> None:
    torch.manual_seed(0)
    plain = build_gan("tiny", folder)
    generator = replace(plain.generator.config, mapping=replace(plain.generator.config.mapping, labels=25))
    told = GanStage(plain.views, generator, plain.discriminator.config, plain.proposal.config, plain.config)
    cameras = told.views.cameras(2, draw())
    planes = []
    for told.progress in (0.0, 1.0):
        told.config = replace(told.config, pose_swap=0.0)
        with torch.no_grad():
            planes.append(told._planes(cameras, draw()))
    # At the start each person is told some camera of the batch, at the end its own.
    assert planes[0].shape == planes[1].shape and planes[0].isfinite().all()


def test_pictures_without_coverage_are_learned_from_too(tmp_path: Path) -> None:
    path = train_stage(
        "gan", "tiny", Places(data=write_folder(tmp_path / "set"), out=tmp_path / "runs"),
        replace(engine("tiny", "gan"), steps=2, precision="no"),
    )  # fmt: skip
    assert path == tmp_path / "runs/gan/gan.pt"
    state = torch.load(path, weights_only=True)
    assert state["network"]["discriminator.stem.weight"].shape[1] == 3


def test_configurations_without_the_stage_say_so(folder: Path, tmp_path: Path) -> None:
    places = Places(data=folder, out=tmp_path)
    with pytest.raises(TrainingError, match="no stage gan"):
        build_stage("gan", "rodin", places)
    with pytest.raises(TrainingError, match="paper has no stage base"):
        build_stage("base", "paper", places)
    made = stage(folder)
    with pytest.raises(ValueError, match="cannot be judged"):
        GanStage(made.views, made.generator.config, replace(made.discriminator.config, side=32),
                 made.proposal.config, made.config)  # fmt: skip


def test_the_published_networks_fit_together_at_their_size() -> None:
    """Shapes alone, without numbers: latent to 512² planes, 512² pictures to the judge and to the proposal network."""
    preset = GANS["paper"]
    with torch.device("meta"):
        generator, judge = SdfGan(preset.generator), Discriminator(preset.discriminator)
        proposal = ProposalCNN(preset.proposal)
        planes = generator.planes(generator.styles(torch.randn(1, 512), torch.randn(1, 25)))
        assert planes.shape == (1, 3, 32, 512, 512)
        assert judge(torch.randn(1, 3, 512, 512), torch.randn(1, 25)).shape == (1,)
        probe = torch.rand(1, 191, 128, 128), torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128)
        assert proposal(*probe).shape == (1, 191, 512, 512)


def test_a_picture_of_the_full_side_shows_what_the_network_serves_for(folder: Path) -> None:
    learning = stage(folder)
    shot = learning.picture(draw())
    assert shot.picture.shape == (4, 16, 16) and learning.progress == 0.0
    assert shot.queries < 16 * 16 * (4 + 6)  # a quarter of the pixels at 16 borders, and four to eight samples


def test_presets_are_of_one_piece() -> None:
    for preset in GANS.values():
        side = preset.discriminator.side
        assert side % preset.proposal.factor == 0 and preset.stage.rendering.patch <= side
    assert GANS["paper"].engine.steps * GANS["paper"].stage.batch == pytest.approx(28.2e6)
    assert GANS["paper"].stage.schedule == GanSchedule() and GANS["default"].engine.minutes is not None
    assert all(isinstance(phase, Phase) for phase in GanSchedule.small().phases)
