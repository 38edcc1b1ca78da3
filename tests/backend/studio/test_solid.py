# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.studio.solid import LATTICE, fractal, noise, veins


def _places(count: int = 4000) -> torch.Tensor:
    return torch.rand(3, count, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_noise_is_a_function_of_the_place_alone() -> None:
    places = _places()
    assert torch.equal(noise(places, 3, 5), noise(places, 3, 5))
    assert torch.equal(noise(places, 3, 5)[7:9], noise(places[:, 7:9], 3, 5))
    assert not torch.allclose(noise(places, 3, 5), noise(places, 3, 6))


def test_noise_is_smooth_and_of_about_unit_deviation() -> None:
    places = _places()
    values = noise(places, 6)
    assert 0.5 < float(values.std()) < 1.5
    assert float((noise(places + 0.001, 6) - values).abs().max()) < 0.1
    across = noise(places + LATTICE / 6, 6)
    assert torch.allclose(across, values, atol=1e-3)


def test_octaves_add_what_is_fine() -> None:
    places = _places()
    rough = (fractal(places + 0.02, 2, 4) - fractal(places, 2, 4)).abs().mean()
    plain = (fractal(places + 0.02, 2, 1) - fractal(places, 2, 1)).abs().mean()
    assert float(rough) > 1.3 * float(plain)


def test_veins_are_thin() -> None:
    found = veins(_places(), 1.6, 9)
    assert float(found.min()) >= 0 and float(found.max()) > 0.8
    assert 0.02 < float((found > 0.5).float().mean()) < 0.3
