# SPDX-License-Identifier: GPL-3.0-or-later
import math

import numpy as np
import pytest
import torch

from backend.geometry.alignment import MEAN_FACE, aligned_camera
from backend.geometry.sampling import TwoPass
from backend.geometry.volume import volume_render
from backend.models.portrait_encoder import PortraitEncoder, PortraitEncoderConfig
from backend.models.sdf_gan import SdfGan, SdfGanConfig
from backend.synthesis.gan_inversion import Inversion, Inverted, invert, moved

CONFIG = Inversion(
    side=16, coarse=10, fine=10, keep_points=100, keep_weight=0.05, seen_weight=0.1, tuning_rate=2e-3, tuning=0.5
)


def run(generator: SdfGan, portrait: np.ndarray, matte: np.ndarray, steps: int, config: Inversion) -> Inverted:
    eye = PortraitEncoder(PortraitEncoderConfig.tiny())
    searching = invert(generator, eye, portrait, matte, (0.0, 0.0), steps, config)
    while True:
        try:
            next(searching)
        except StopIteration as done:
            return done.value


@pytest.fixture(scope="module")
def generator() -> SdfGan:
    torch.manual_seed(0)
    model = SdfGan(SdfGanConfig.tiny())
    with torch.no_grad():
        model.heads.first.weight[:, -4:] *= 200
        model.heads.colour.weight *= 4
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def photograph(generator: SdfGan) -> tuple[np.ndarray, np.ndarray]:
    """One of the generator's own people, taken by another camera than where the search begins."""
    z = torch.randn(1, 8, generator=torch.Generator().manual_seed(5))
    camera = moved(aligned_camera(MEAN_FACE), torch.tensor([0.1, 0.05, 0.0, 0.02, 0.0, 0.03]))
    volume = generator.volume(generator.planes(generator.styles(z)))
    with torch.no_grad():
        view = volume_render(volume, camera, 64, 64, TwoPass(32, 32))
    rgb = view.rgb.repeat_interleave(4, 0).repeat_interleave(4, 1)
    alpha = view.alpha.repeat_interleave(4, 0).repeat_interleave(4, 1)
    return (rgb.clamp(0, 1) * 255).byte().numpy(), alpha.numpy()


def test_the_generators_own_person_is_approached(generator: SdfGan, photograph: tuple[np.ndarray, np.ndarray]) -> None:
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    found = run(generator, *photograph, 40, CONFIG)
    assert len(found.errors) == 40
    finding = 40 - round(40 * CONFIG.tuning)
    assert np.mean(found.errors[finding - 4 : finding]) < 0.8 * np.mean(found.errors[:2])
    assert np.mean(found.errors[-4:]) < np.mean(found.errors[finding - 4 : finding])
    assert all(torch.equal(value, before[name]) for name, value in generator.state_dict().items())
    assert not torch.equal(found.generator.heads.first.weight, generator.heads.first.weight)
    assert found.styles.shape == (1, generator.config.styles, 16)


def test_tuning_moves_less_where_it_is_held(generator: SdfGan, photograph: tuple[np.ndarray, np.ndarray]) -> None:
    points = torch.rand(500, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1

    def moves(keep: float) -> float:
        settings = Inversion(side=16, coarse=10, fine=10, keep_points=100, seen_weight=0.0, keep_weight=keep,
                             tuning=0.8, tuning_rate=5e-3)  # fmt: skip
        found = run(generator, *photograph, 15, settings)
        with torch.no_grad():
            tuned, own = (each.volume(each.planes(found.styles)) for each in (found.generator, generator))
            return float((tuned.sdf(points) - own.sdf(points)).abs().mean())

    assert moves(5.0) < 0.7 * moves(0.0)


def test_cameras_move_as_they_are_told_and_stay_rigid() -> None:
    camera = aligned_camera(MEAN_FACE)
    same = moved(camera, torch.zeros(6))
    torch.testing.assert_close(same.cam_to_world, camera.cam_to_world)
    torch.testing.assert_close(same.intrinsics, camera.intrinsics)
    turned = moved(camera, torch.tensor([0.3, 0.2, 0.0, 0.0, 0.0, 0.0])).cam_to_world
    torch.testing.assert_close(turned[:3, :3] @ turned[:3, :3].T, torch.eye(3), atol=1e-5, rtol=0)
    eye, before = turned[:3, 3], camera.cam_to_world[:3, 3]
    assert float(eye.norm()) == pytest.approx(float(before.norm()), rel=1e-5)
    # Positive azimuth stands towards +X; the camera keeps its right side level.
    assert float(torch.atan2(eye[0], eye[2]) - torch.atan2(before[0], before[2])) == pytest.approx(0.3, abs=1e-4)
    points = torch.from_numpy(MEAN_FACE).float()
    here, _ = camera.project(points)
    there, _ = moved(camera, torch.tensor([0.0, 0, 0, 0.1, -0.05, math.log(2)])).project(points)
    torch.testing.assert_close(there, 2 * (here - 0.5) + 0.5 + torch.tensor([0.1, -0.05]), atol=1e-4, rtol=1e-4)
