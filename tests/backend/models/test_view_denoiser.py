# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch
from torch import Tensor

from backend.models.view_denoiser import (
    GENERATED,
    GRAIN,
    KEPT,
    UPDATED,
    SeenView,
    ViewDenoiser,
    ViewDenoiserConfig,
    expected,
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
def test_pixels_may_be_as_far_off_as_is_said(generate: float, keep: float, spread: float) -> None:
    """Under strong noise the present picture is expected, off by its spread; and almost none of the noise is let in."""
    view, random = seen(2, 128, 128, generate, keep), torch.Generator().manual_seed(1)
    torch.testing.assert_close(view.spread(), torch.full_like(view.spread(), spread))
    sigma = torch.tensor([0.3, 0.9])[:, None, None, None]
    x0 = view.picture + spread * torch.randn(view.picture.shape, generator=random)
    noise = torch.randn(x0.shape, generator=random)
    mean, deviation = expected((1 - sigma**2).sqrt() * x0 + sigma * noise, sigma.flatten(), view)
    assert (((x0 - mean) / deviation).std((1, 2, 3)) - 1).abs().max() < 0.1
    assert (mean - view.picture).std() < 0.5 * GRAIN


def test_grain_is_read_off_the_noisy_picture() -> None:
    """Where the data are the present picture and grain, the expectation is the exact posterior: its error has the
    deviation of one, which is less than of either alone."""
    view, random = seen(1, 128, 128), torch.Generator().manual_seed(1)
    sigma = torch.tensor([GRAIN])
    x0 = view.picture + GRAIN * torch.randn(view.picture.shape, generator=random)
    noisy = (1 - GRAIN**2) ** 0.5 * x0 + GRAIN * torch.randn(x0.shape, generator=random)
    mean, _ = expected(noisy, sigma, view)
    assert abs((mean - x0).std() - GRAIN / 2**0.5) < 0.02 * GRAIN


def test_a_fresh_network_says_what_is_expected() -> None:
    network, view = ViewDenoiser(TINY), seen()
    noisy, sigma = torch.randn(2, 3, 32, 32), torch.tensor([0.3, 0.9])
    torch.testing.assert_close(network(noisy, sigma, view), expected(noisy, sigma, view)[0])


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
