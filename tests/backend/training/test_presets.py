# SPDX-License-Identifier: GPL-3.0-or-later
from typing import get_args

import pytest

from backend.diffusion.schedule import ScheduleConfig
from backend.models.portrait_vae import PortraitVAE
from backend.training.gan_presets import GANS
from backend.training.presets import CASCADE_ORDER, ENGINES, PRESETS, Cascade, Paper, StageName, engine


def test_every_stage_has_its_engine_and_its_place_in_the_order() -> None:
    assert set(get_args(StageName)) - {"gan"} == set(CASCADE_ORDER) == set(ENGINES) | {"latents"}
    assert all(engine(config, "gan") is preset.engine for config, preset in GANS.items())
    for config in PRESETS:
        for stage in ENGINES:
            chosen = engine(config, stage)
            assert chosen.minutes or chosen.steps


@pytest.mark.parametrize("name", ["tiny", "default"])
def test_the_stages_of_the_cascade_fit_together(name: str) -> None:
    preset = PRESETS[name]
    assert isinstance(preset, Cascade)
    assert preset.base.latent_size == preset.codec.latent_size
    assert preset.base.latent_channels == preset.codec.latent_channels
    assert preset.base.z_size == preset.embedding.size == preset.prior.z
    assert preset.base.components == preset.embedding.components == preset.prior.components == preset.components
    assert preset.upsampler.low_size == preset.codec.view_size
    assert preset.upsampler.view_size == preset.planes.view_size


@pytest.mark.parametrize(("name", "sides"), [("rodin", (64, 256)), ("rodinhd", (128, 512))])
def test_the_published_sizes(name: str, sides: tuple[int, int]) -> None:
    preset = PRESETS[name]
    assert isinstance(preset, Paper)
    assert (preset.base.size, preset.upsampler.size) == sides and preset.upsampler.low_size == sides[0]
    assert preset.base.channels == preset.upsampler.channels == 32
    assert preset.base_stage.prediction == "eps" and preset.base.learned_variance
    assert preset.base_stage.schedule == ScheduleConfig.rodinhd_base()
    assert preset.upsampler_stage.schedule == ScheduleConfig.rodinhd_upsampler()


def test_rodinhd_takes_what_sdxls_autoencoder_gives() -> None:
    pytest.importorskip("diffusers")
    import torch

    with torch.device("meta"):
        vae = PortraitVAE.untrained()
    preset = PRESETS["rodinhd"]
    assert isinstance(preset, Paper)
    assert preset.base.features == vae.scales and preset.base.latent == vae.latent
    assert preset.upsampler.features == vae.scales[0]
