# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.training.quality import mean_psnr
from backend.training.replay_config import PlanesConfig
from backend.training.sources import hull
from backend.training.sources.fitting import SourceFitConfig, fit_source
from backend.training.sources.nerf import read_nerf
from backend.training.sources.normalise import Source, Sphere

SMALL = SourceFitConfig(
    planes=PlanesConfig(resolution=24, channels=8), hidden=24, steps=100, rays=256, pool=4096,
    rate=0.05, picture_rate=0.01, decoder_rate=0.01,
)  # fmt: skip


@pytest.fixture(autouse=True)
def coarse_hull(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hull, "SIDE", 32)


@pytest.fixture
def source(write_pictures: Callable) -> Source:
    return read_nerf(write_pictures(), sphere=Sphere((0.0, 0.0, 0.0), 1.0))


def test_pictures_alone_become_a_field(source: Source, egg) -> None:
    told: list[tuple[str, float]] = []
    fit = fit_source(source, SMALL, report=lambda stage, share: told.append((stage, share)))
    assert fit.steps == 100 and mean_psnr(fit.field, source.held) > 21
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    true = egg.sdf(points)
    sure = true.abs() > 0.04
    assert ((fit.field.sdf(points) < 0) == (true < 0))[sure].float().mean() > 0.98
    shares = [share for _, share in told]
    assert shares == sorted(shares) and {stage for stage, _ in told} == {"first shape", "pictures"}


def test_known_distances_are_used(source: Source, egg) -> None:
    random = np.random.default_rng(0)
    points = random.uniform(-1, 1, (6000, 3)).astype(np.float16)
    direction = random.normal(size=(3000, 3))
    surface = direction / np.linalg.norm(direction / egg.radii.numpy(), axis=1, keepdims=True)
    tensor = torch.from_numpy(surface).float()
    samples = {
        "points": points, "sdf": egg.sdf(torch.from_numpy(points).float()).numpy().astype(np.float16),
        "surface": surface.astype(np.float16), "colour": (egg.rgb(tensor) * 255).byte().numpy(),
    }  # fmt: skip
    fit = fit_source(replace(source, kind="mesh", samples=samples), SMALL)
    assert mean_psnr(fit.field, source.held) > 18 and float(fit.field.sdf(tensor).abs().mean()) < 0.012


def test_the_same_seed_gives_the_same_field_and_time_ends_a_fit(source: Source) -> None:
    few = replace(SMALL, steps=12)
    one, other = (fit_source(source, few, seed=3).field.triplane.planes for _ in range(2))
    torch.testing.assert_close(one, other)
    assert fit_source(source, SMALL, minutes=1e-6).steps == 0


def test_an_interrupted_fit_raises_what_the_report_raised(source: Source) -> None:
    def stop(stage: str, share: float) -> None:
        if stage == "pictures":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_source(source, SMALL, report=stop)
