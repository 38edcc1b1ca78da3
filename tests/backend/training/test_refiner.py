# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import torch
from PIL import Image

from backend.geometry.rendering import render_views
from backend.models.refiner import RefinerConfig
from backend.training.engine import EngineConfig, train
from backend.training.refiner import Pairs, RefinerStage, RefinerStageConfig, load_refiner, render_pairs, take
from backend.training.views import ViewSet, held_out_cameras
from tests.analytic import SphereField

CONFIG = RefinerStageConfig(batch=2, crop=8, adversarial_weight=0.02)


def pairs(count: int = 6, side: int = 8) -> Pairs:
    """Truth is the render with its colours swapped: something that can be learned at once."""
    renders = torch.rand(count, 4, side, side, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(renders[:, :3], scale_factor=2.0, mode="bicubic", align_corners=False)
    return Pairs(renders, large.flip(1))


def features(pictures: torch.Tensor) -> list[torch.Tensor]:
    return [torch.nn.functional.avg_pool2d(pictures, 2)]


def test_a_refiner_learns_and_is_read_again(tmp_path: Path) -> None:
    torch.manual_seed(0)
    stage = RefinerStage(pairs(), RefinerConfig.tiny(), CONFIG, features)
    engine = EngineConfig(steps=60, learning_rate=1e-2, warm_up=5, average=0.8, precision="no", save_every=30,
                          sheet_every=60)  # fmt: skip
    refiner = load_refiner(train(stage, engine, tmp_path))
    fresh = RefinerStage(pairs(), RefinerConfig.tiny(), CONFIG).network.refiner
    test = pairs()
    with torch.no_grad():
        before, after = ((each(test.renders) - test.truth).abs().mean() for each in (fresh, refiner))
    assert after < 0.8 * before
    sheet = Image.open(tmp_path / "refiner_000060.png")
    assert sheet.size == (4 * 16, 3 * 16)


def test_the_refiner_climbs_what_the_judge_descends() -> None:
    torch.manual_seed(0)
    stage = RefinerStage(pairs(), RefinerConfig.tiny(), CONFIG)
    torch.nn.init.normal_(stage.network.refiner.out.weight, std=0.1)
    terms = stage.losses(torch.Generator().manual_seed(1))
    terms["judge"].backward()
    own = {name: value.grad.clone() for name, value in stage.network.named_parameters() if value.grad is not None}
    rate = 1e-2
    for part, sign in (("judge.", -1), ("refiner.", 1)):
        moved = RefinerStage(pairs(), RefinerConfig.tiny(), CONFIG)
        moved.network.load_state_dict(stage.network.state_dict())
        with torch.no_grad():
            for name, value in moved.network.named_parameters():
                if name.startswith(part) and name in own:
                    value -= rate * own[name]
        after = moved.losses(torch.Generator().manual_seed(1))["judge"]
        assert sign * (after - terms["judge"]) > 0


def test_without_a_judge_and_features_only_pixels_count() -> None:
    stage = RefinerStage(pairs(), RefinerConfig.tiny(), RefinerStageConfig(batch=1, crop=64, adversarial_weight=0))
    assert set(stage.losses(torch.Generator().manual_seed(0))) == {"pixel"}
    assert stage.record()["refiner"]["scale"] == 2


def test_pairs_show_the_same() -> None:
    cameras = held_out_cameras(2)
    views = render_views(SphereField(), cameras, 32, 32)
    rgb, alpha = (torch.stack([getattr(view, name) for view in views]).clone() for name in ("rgb", "alpha"))
    made = render_pairs(SphereField(), ViewSet(cameras, rgb, alpha), 2)
    assert made.renders.shape == (2, 4, 16, 16) and made.truth.shape == (2, 3, 32, 32)
    assert (torch.nn.functional.avg_pool2d(made.truth, 2) - made.renders[:, :3]).abs().mean() < 0.02
    torch.testing.assert_close(take(SphereField(), cameras[1], 16), made.renders[1])
    assert len(Pairs.join([made, made]).renders) == 4
