# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from backend.geometry.cameras import Camera
from backend.models.plane_gan import PlaneGan, PlaneGanConfig, usual_camera
from backend.models.stylegan import MappingConfig, SynthesisConfig

TINY = PlaneGanConfig.tiny()
RICH = replace(
    TINY,
    depth=2,
    synthesis=replace(TINY.synthesis, channels=3 * 8 * 2),
    activation="lrelu",
    colour_layer=True,
    background=SynthesisConfig(w=16, side=8, channels=8, base=64, most=8),
    shift=MappingConfig(z=16, w=3, layers=2, rate=1.0, linear_end=True),
)


def made(config: PlaneGanConfig) -> PlaneGan:
    return PlaneGan(config).eval().requires_grad_(False)


def front(model: PlaneGan) -> Camera:
    camera = usual_camera(model.config)
    return Camera(camera.cam_to_world[None], camera.intrinsics[None])


@pytest.mark.parametrize("config", [TINY, RICH])
def test_a_seed_becomes_a_picture_from_the_front(config: PlaneGanConfig) -> None:
    model = made(config)
    styles = model.styles(torch.randn(1, 16))
    view = model(styles, front(model), 8)
    assert view.raw.shape == (1, 3, 8, 8) and view.depth.shape == view.alpha.shape == (1, 1, 8, 8)
    assert view.large is None and bool(view.raw.isfinite().all())
    assert torch.equal(model(styles, front(model), 8).raw, view.raw)


@pytest.mark.parametrize("config", [TINY, RICH])
def test_a_configuration_survives_json(config: PlaneGanConfig) -> None:
    assert PlaneGanConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("settings", [{}, {"activation": "none"}, {"colour_layer": True}, {"activation": "lrelu"}])
def test_colours_of_a_surface_are_those_of_the_picture(settings: dict[str, Any]) -> None:
    """An opaque volume of one feature everywhere: its picture is that feature's colour."""
    model = made(replace(TINY, **settings))
    torch.nn.init.zeros_(model.decoder.last.weight)
    model.decoder.last.bias.copy_(torch.linspace(-1, 1, 9))
    model.decoder.last.bias[0] = 500
    styles = model.styles(torch.randn(1, 16))
    features, _ = model.decoder(model.planes(styles).sample(torch.zeros(1, 1, 3)))
    matrix, shift = model.colour_matrix(styles[:, -1])
    picture = model(styles, front(model), 4).raw[0, :, 2, 2]
    assert torch.allclose(features[0, 0] @ matrix.T + shift, picture / 2 + 0.5, atol=1e-3)


def test_only_the_first_styles_are_truncated() -> None:
    model = made(TINY)
    model.mapping.mean.copy_(torch.randn(16))
    styles = model.styles(torch.randn(1, 16), truncation=0.0, cutoff=2)
    assert torch.allclose(styles[:, :2], model.mapping.mean.expand(1, 2, -1)) and not torch.allclose(
        styles[:, 2:], model.mapping.mean.expand(1, styles.shape[1] - 2, -1)
    )


def test_a_background_is_seen_where_the_volume_is_not() -> None:
    model = made(replace(RICH, colour_layer=False, activation="none"))
    model.decoder.last.weight.zero_()
    model.decoder.last.bias[0] = -500
    assert model.background is not None
    styles = model.styles(torch.randn(1, 16))
    behind = model.background(styles[:, : model.background.config.styles])
    assert torch.allclose(model(styles, front(model), 8).raw, behind[:, :3], atol=1e-4)


def test_a_samples_camera_is_shifted_by_its_own_mapping() -> None:
    model, plain = made(RICH), made(TINY)
    z, camera = torch.randn(1, 16), front(plain)
    assert plain.shifted(z, camera) is camera
    moved = model.shifted(z, camera).cam_to_world - camera.cam_to_world
    assert moved[0, :3, 3].abs().min() > 0 and moved[0, :3, :3].abs().max() == 0


def test_gradients_reach_every_part() -> None:
    model = PlaneGan(RICH)
    model(model.styles(torch.randn(1, 16)), front(model), 8).raw.square().mean().backward()
    silent = [name for name, value in model.named_parameters() if value.grad is None and not name.startswith("shift")]
    assert not silent
