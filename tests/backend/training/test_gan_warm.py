# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.geometry.cameras import orbit
from backend.geometry.fields import SoftField
from backend.geometry.interpolated import Interpolated
from backend.geometry.volume import render_rays
from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from backend.training.engine import EngineConfig, train
from backend.training.gan import GanStage
from backend.training.gan_presets import GANS
from backend.training.gan_views import FolderViews
from backend.training.gan_warm import WarmStart, draw_patch, outline_error, shown_again
from tests.backend.training.gan_balls import ball, write_folder

WARM = WarmStart(
    until=0.5, judge_from=0.4, sharpen=0.0, people=2, views=2, patch=16, sampler=Interpolated(8, 6, reach=4.0)
)


def eye() -> PortraitEncoder:
    torch.manual_seed(0)
    return PortraitEncoder(PortraitEncoderConfig.tiny())


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stage(folder: Path, warm: WarmStart = WARM) -> GanStage:
    torch.manual_seed(0)
    preset = GANS["tiny"]
    generator = replace(preset.generator, mapping=replace(preset.generator.mapping, z=2))
    views = FolderViews(write_folder(folder, coverage=True), 32) if not folder.exists() else FolderViews(folder, 32)
    config = replace(preset.stage, warm=warm)
    return GanStage(views, generator, preset.discriminator, preset.proposal, config, eye())


def test_a_patch_is_what_its_rays_see() -> None:
    camera = orbit(0.5, 0.1)
    rgba = torch.from_numpy(ball(camera, 0.6, 64)).float().permute(2, 0, 1) / 255
    picture = torch.cat([rgba[:3] + 1 - rgba[3:], rgba[3:]]) * 2 - 1
    scales = set()
    for seed in range(12):
        patch = draw_patch(picture, camera, replace(WARM, shares=(0.3, 0.3, 0.4)), draw(seed))
        assert patch.picture.shape == (4, 16, 16)
        along = -(patch.rays.origins * patch.rays.directions).sum(-1)
        miss = (patch.rays.origins + along[:, None] * patch.rays.directions).norm(dim=-1)
        covered = patch.picture[3].reshape(-1)
        assert bool((covered[miss < 0.52] > 0.99).all()) and bool((covered[miss > 0.68] < 0.01).all())
        spread = float((patch.rays.directions[0] - patch.rays.directions[1]).norm())
        scales.add(round(spread / 0.0072))
    assert len(scales) == 3
    whole = draw_patch(picture[:, ::8, ::8], camera, WARM, draw())
    assert whole.picture.shape == (4, 8, 8)  # smaller than a patch: all of it


def test_errors_vanish_where_pictures_agree() -> None:
    real = torch.rand(2, 4, 16, 16, generator=draw())
    same = shown_again(real.clone(), real, eye(), WARM)
    assert set(same) == {"colour", "edges", "coverage", "seen"}
    assert all(float(loss) < 1e-6 for loss in same.values())
    other = shown_again(real.flip(3), real, eye(), WARM)
    assert all(float(loss) > 0.01 for loss in other.values())
    assert set(shown_again(real, real[:, :3], None, WARM)) == {"colour", "edges"}


def test_pictures_are_shown_again_before_anybody_is_judged(tmp_path: Path) -> None:
    learning = stage(tmp_path / "set")
    assert learning.codes is not None and learning.codes.shape == (3, 2)
    losses = learning.losses(draw())
    assert {"colour", "coverage", "outline", "seen", "edges", "surface", "boundary"} == set(losses)
    assert learning.turns[0].due() and not learning.turns[1].due()
    assert learning.turns[0].groups[0].share() == 1.0
    learning.progress = 0.45
    assert learning.turns[1].due() and "deceived" not in learning.losses(draw())
    learning.config = replace(learning.config, warm=replace(WARM, judge_from=0.48))
    assert not learning.turns[1].due()
    learning.progress = 0.5
    assert learning.turns[0].groups[0].share() == WARM.gentle
    both = learning.losses(draw())
    assert {"deceived", "colour"} <= set(both)
    learning.judge(draw())  # every second step
    assert "colour" not in learning.losses(draw())


def test_it_learns_what_the_pictures_show(tmp_path: Path) -> None:
    learning = stage(tmp_path / "set")
    optimiser = torch.optim.Adam(learning.makers.parameters(), lr=3e-3)
    seen = []
    for step in range(30):
        losses = learning.losses(draw(step))
        seen.append(float((losses["coverage"] + losses["colour"]).detach()))
        optimiser.zero_grad()
        sum(losses.values()).backward()
        optimiser.step()
    assert sum(seen[-5:]) < 0.7 * sum(seen[:5])


def test_a_run_goes_from_one_to_the_other_and_resumes(tmp_path: Path) -> None:
    settings = EngineConfig(steps=4, save_every=2, sheet_every=0, precision="no", clip=100.0, weight_decay=0.0)
    train(stage(tmp_path / "set"), settings, tmp_path / "whole")
    rows = [json.loads(line) for line in (tmp_path / "whole/gan.jsonl").read_text().splitlines()]
    assert "colour" in rows[0] and "fake" not in rows[0] and {"deceived", "fake", "real"} <= set(rows[1])
    train(stage(tmp_path / "set"), replace(settings, steps=2), tmp_path / "cut")
    train(stage(tmp_path / "set"), settings, tmp_path / "cut")
    whole, cut = (torch.load(tmp_path / name / "gan.pt", weights_only=True) for name in ("whole", "cut"))
    assert whole["steps"] == cut["steps"] == 4
    # Of four steps the last two are judged; the run that was cut after two had half of those judged as well.
    assert int(whole["network"]["judged"]) == 2 and int(cut["network"]["judged"]) == 3


def test_patches_are_coarse_and_of_many_at_first() -> None:
    warm = replace(WARM, sharpen=0.3)
    assert (warm.at(0.2).patch, warm.at(0.2).people) == (8, 4) and warm.at(0.3) == warm


def test_codes_need_an_encoder(tmp_path: Path) -> None:
    made = stage(tmp_path / "set")
    with pytest.raises(ValueError, match="pass eye"):
        GanStage(made.views, made.generator.config, made.discriminator.config, made.proposal.config, made.config)


def test_outlines_pull_from_afar_and_only_on_the_wrong_side() -> None:
    def outline(radius: float, truth: float) -> tuple[float, float]:
        size = torch.tensor(radius, requires_grad=True)

        class Ball:
            extent, device = 1.0, torch.device("cpu")

            def sdf(self, points: torch.Tensor) -> torch.Tensor:
                return points.norm(dim=-1) - size

            def rgb(self, points: torch.Tensor) -> torch.Tensor:
                return torch.zeros_like(points)

        camera = orbit(0.3, target=(0.0, 0.0, 0.0))
        rays = camera.rays(24, 24)
        coverage = torch.from_numpy(ball(camera, truth, 24))[..., 3].float().reshape(-1) / 255
        view = render_rays(SoftField(Ball(), 0.01), rays, Interpolated(20, 10, reach=4.0))
        error = outline_error(view, coverage)
        error.backward()
        return float(error), float(size.grad)

    small, growing = outline(0.3, 0.7)
    large, shrinking = outline(0.7, 0.3)
    right, _ = outline(0.5, 0.5)
    assert small > 0.02 and growing < -0.1 and large > 0.01 and shrinking > 0.05 and right < 0.003
