# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch
from torch import Tensor

from backend.models.view_denoiser import (
    GENERATED,
    KEPT,
    UPDATED,
    SeenView,
    ViewDenoiser,
    ViewDenoiserConfig,
    posterior,
    view_numbers,
)

TINY = ViewDenoiserConfig.tiny()


def seen(batch: int = 2, height: int = 32, width: int = 32, generate: float = 0.0, keep: float = 0.0) -> SeenView:
    random = torch.Generator().manual_seed(0)
    guide = torch.randn(batch, 7, height, width, generator=random)
    guide[:, 4], guide[:, 5], guide[:, 6] = 1, generate, keep
    picture = (1 - generate) * (2 * torch.rand(batch, 3, height, width, generator=random) - 1)
    numbers = view_numbers(torch.rand(batch), torch.zeros(batch, 2), torch.ones(batch))
    return SeenView(picture, guide, numbers, torch.randn(batch, TINY.z_size, generator=random))


def shaken(network: ViewDenoiser) -> ViewDenoiser:
    """With every weight at work: fresh networks add nothing."""
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(("generate", "keep", "spread"), [(0, 0, UPDATED), (1, 0, GENERATED), (0, 1, KEPT)])
def test_the_posterior_is_that_of_gaussian_pixels(generate: float, keep: float, spread: float) -> None:
    """Averaged over many draws of (x0, noise) the error of the mean is the deviation it states, and no bias is left."""
    view, random = seen(2, 128, 128, generate, keep), torch.Generator().manual_seed(1)
    torch.testing.assert_close(view.spread(), torch.full_like(view.spread(), spread))
    sigma = torch.tensor([0.1, 0.8])
    x0 = view.picture + spread * torch.randn(view.picture.shape, generator=random)
    noise = torch.randn(x0.shape, generator=random)
    scale = sigma[:, None, None, None]
    mean, deviation = posterior((1 - scale**2).sqrt() * x0 + scale * noise, sigma, view)
    error = (x0 - mean) / deviation
    assert error.mean((1, 2, 3)).abs().max() < 0.02
    assert (error.std((1, 2, 3)) - 1).abs().max() < 0.02
    assert (deviation[0] < deviation[1]).all()


def test_a_fresh_network_says_what_is_known() -> None:
    network, view = ViewDenoiser(TINY), seen()
    noisy, sigma = torch.randn(2, 3, 32, 32), torch.tensor([0.3, 0.9])
    torch.testing.assert_close(network(noisy, sigma, view), posterior(noisy, sigma, view)[0])
    held = seen(keep=1.0)
    assert (network(noisy, sigma, held) - held.picture).abs().max() < 0.2


def test_any_side_that_fits_and_no_other() -> None:
    network = shaken(ViewDenoiser(TINY))
    out = network(torch.randn(1, 3, 48, 32), torch.tensor([0.5]), seen(1, 48, 32))
    assert out.shape == (1, 3, 48, 32) and out.isfinite().all()
    with pytest.raises(ValueError, match="multiples of 16"):
        network(torch.randn(1, 3, 40, 32), torch.tensor([0.5]), seen(1, 40, 32))


@pytest.mark.parametrize("part", ["picture", "guide", "numbers", "z"])
def test_everything_known_counts(part: str) -> None:
    network, view = shaken(ViewDenoiser(TINY)), seen()
    noisy, sigma = torch.randn(2, 3, 32, 32), torch.tensor([0.5, 0.5])
    parts: dict[str, Tensor] = {name: getattr(view, name) for name in ("picture", "guide", "numbers", "z")}
    other = SeenView(**{**parts, part: parts[part] + 0.5})
    change = network.correction(noisy, sigma, other) - network.correction(noisy, sigma, view)
    assert change.abs().max() > 1e-4
    if part == "z":
        assert torch.equal(view.without_z().z, torch.zeros_like(view.z))


def test_configurations_survive_json() -> None:
    assert ViewDenoiserConfig.from_json(TINY.to_json()) == TINY
