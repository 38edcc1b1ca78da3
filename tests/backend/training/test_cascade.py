# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.models.plane_codec import CodecConfig, views_to_input
from backend.models.portrait_encoder import PortraitEncoderConfig
from backend.models.triplane_unet import UNetConfig
from backend.synthesis.base import Condition
from backend.synthesis.rodin import Rodin
from backend.training.cascade import (
    ARRAYS,
    CascadeConfig,
    draw_portraits,
    encode_people,
    mirror_views,
    train_cascade,
)
from backend.training.data import People
from backend.training.export import export_weights
from backend.training.fit import FitConfig, fit, load_fitter

UNET = UNetConfig(latent_channels=16, latent_size=8, width=16, inner_width=32, inner_blocks=1, head_channels=16,
                  components=3, portrait=PortraitEncoderConfig.tiny())  # fmt: skip


@pytest.fixture(scope="module")
def fitted(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = FitConfig(minutes=1 / 60, people_per_step=2, points=50, surface_points=50)
    return fit(shards, tmp_path_factory.mktemp("fit"), config, CodecConfig.tiny())


def test_mirroring_twice_changes_nothing_and_once_flips_x() -> None:
    generator = torch.Generator().manual_seed(0)
    rgba = torch.randint(0, 255, (1, 3, 2, 8, 8, 4), generator=generator, dtype=torch.uint8)
    depth = torch.rand(1, 3, 2, 8, 8, generator=generator)
    once = mirror_views(rgba, depth)
    for plain, twice in zip((rgba, depth), mirror_views(*once), strict=True):
        assert torch.equal(plain, twice)
    assert torch.equal(once[0][0, 0, :, :, 0], rgba[0, 0, :, :, -1])  # columns of xy are x
    assert torch.equal(once[0][0, 2, 0], rgba[0, 2, 1])  # what the left saw, the right sees
    assert torch.equal(once[1][0, 2, 0], -depth[0, 2, 1])


def test_latents_are_standardised_and_symmetric_on_average(shards: Path, fitted: Path) -> None:
    fitter = load_fitter(fitted)
    latents = encode_people(fitter, People(shards, ARRAYS))
    assert len(latents.planes) == 12
    assert latents.planes.mean(0).abs().max() < 1e-3 and abs(latents.planes.std() - 1) < 1e-2
    views = fitter.codec.decode(latents.mean[None])
    rgba, depth = views[:, :, :8], views[:, :, 8:]
    torch.testing.assert_close(rgba[:, 0], rgba[:, 0].flip(-1), atol=0.05, rtol=0)
    assert depth.isfinite().all()


def test_portraits_are_fresh_and_in_range(shards: Path) -> None:
    people, random = People(shards, ARRAYS), torch.Generator().manual_seed(0)
    chosen = torch.tensor([0, 6])
    first, second = (draw_portraits(people, chosen, 32, random) for _ in range(2))
    assert first.shape == (2, 4, 32, 32) and first.abs().max() <= 1 and not torch.equal(first, second)


def test_training_leaves_weights_that_generate(shards: Path, fitted: Path, tmp_path: Path) -> None:
    config = CascadeConfig(minutes=6 / 60, batch=4, save_every=5, sample_every=10_000)
    seen = []
    checkpoint = train_cascade(shards, fitted, tmp_path, config, UNET, report=lambda clock, text: seen.append(text))
    assert "glance" in seen[0] and any("velocity" in line for line in seen)
    weights = export_weights(fitted, checkpoint, tmp_path / "model.safetensors")
    sampling = Rodin.load(torch.device("cpu"), weights).synthesize(Condition(seed=1, steps=2))
    while True:
        try:
            next(sampling)
        except StopIteration as done:
            field = done.value
            break
    assert field.sdf(torch.zeros(1, 3)).isfinite().all()


def test_views_and_mirrored_views_agree_on_a_ball(shards: Path) -> None:
    people = People(shards, ARRAYS)
    rgba, depth = people.take("axis_rgba", [0]), people.take("axis_depth", [0])
    plain, mirrored = views_to_input(rgba, depth, 32), views_to_input(*mirror_views(rgba, depth), 32)
    torch.testing.assert_close(plain, mirrored, atol=1e-3, rtol=0)
