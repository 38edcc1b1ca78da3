# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.models.upsampler import UpsamplerConfig, ViewUpsampler, detail, enlarge

TINY = UpsamplerConfig.tiny()


def inputs(batch: int = 2) -> tuple[torch.Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    size, low = TINY.view_size, TINY.low_size
    return (
        torch.randn(batch, 10, size, 3 * size, generator=random), torch.linspace(0.2, 1, batch),
        torch.rand(batch, 10, low, 3 * low, generator=random), torch.rand(batch, 4, size, size, generator=random),
    )  # fmt: skip


def test_at_first_views_are_enlarged_and_planes_do_not_bleed() -> None:
    noisy, sigma, low, laid = inputs()
    low[:, :, :, TINY.low_size :] = 0
    made = ViewUpsampler(TINY)(noisy, sigma, low, 0 * laid)
    torch.testing.assert_close(made, enlarge(low, TINY.fold))
    assert made[..., TINY.view_size :].eq(0).all()


def test_every_weight_learns_and_every_input_counts() -> None:
    network = ViewUpsampler(TINY)
    noisy, sigma, low, laid = inputs()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(4):
        optimiser.zero_grad()
        (network(noisy, sigma, low, laid) - 1).square().mean().backward()
        optimiser.step()
    assert not [name for name, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    with torch.inference_mode():
        plain = network(noisy, sigma, low, laid)
        for changed in ((noisy + 1, sigma, low, laid), (noisy, sigma * 0.1, low, laid), (noisy, sigma, low, laid * 0)):
            assert not torch.allclose(network(*changed), plain)


def test_the_frontal_view_begins_with_the_portraits_detail_inside_the_person_only() -> None:
    noisy, sigma, low, laid = inputs()
    laid[:, 3] = -1.0
    laid[:, 3, 16:48, 16:48] = 1.0
    made = ViewUpsampler(TINY)(noisy, sigma, low, laid) - enlarge(low, TINY.fold)
    assert made[:, :3, 28:36, 28:36].abs().mean() > 0.05
    made[:, :3, 16:48, 16:48] = 0
    assert made.eq(0).all()
    assert detail(torch.ones(1, 4, 32, 32), 4).abs().max() < 1e-5  # what small views hold is no detail
