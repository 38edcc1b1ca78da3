# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch
from torch import Tensor

from backend.geometry.lookup import Kernel, channels_last, lookup, lookup_plain, outputs_plain, pack
from backend.models.decoder import DecoderConfig, FieldDecoder


def scene(channels: int, hidden: int, side: int, beta: bool = False) -> tuple[Tensor, FieldDecoder]:
    torch.manual_seed(0)
    decoder = FieldDecoder(DecoderConfig(channels=channels, hidden=hidden, beta=beta)).requires_grad_(False)
    return torch.randn(1, 3, channels, side, side), decoder


def kernel_of(planes: Tensor, decoder: FieldDecoder) -> Kernel:
    kernel = pack(planes, decoder)
    assert kernel is not None
    return kernel


def places(count: int) -> Tensor:
    """Points in the box and a little beyond it."""
    return (torch.rand(count, 3, generator=torch.Generator().manual_seed(1)) * 2 - 1) * 1.2


@pytest.mark.parametrize(("channels", "hidden", "side"), [(16, 64, 64), (32, 64, 33), (5, 20, 2), (48, 100, 7)])
@pytest.mark.parametrize("count", [0, 1, 47, 5000])
def test_kernel_gives_what_torch_gives(channels: int, hidden: int, side: int, count: int) -> None:
    planes, decoder = scene(channels, hidden, side, beta=channels == 32)
    got, wanted = kernel_of(planes, decoder)(places(count)), outputs_plain(planes, decoder, places(count))
    assert got.shape == wanted.shape
    torch.testing.assert_close(got, wanted, atol=2e-6, rtol=1e-5)  # outputs are of size 1
    torch.testing.assert_close(kernel_of(planes, decoder)(places(count), 1), wanted[:, :1], atol=2e-6, rtol=1e-5)


def test_any_layout_and_half_precision() -> None:
    planes, decoder = scene(16, 64, 32)
    wanted = kernel_of(planes, decoder)(places(100))
    turned = planes.transpose(-1, -2).contiguous().transpose(-1, -2)
    for same in (channels_last(planes), turned, planes.repeat(1, 1, 2, 1, 1)[:, :, :16]):
        assert torch.equal(kernel_of(same, decoder)(places(100)), wanted)
    assert torch.equal(kernel_of(planes, decoder)(places(300)[::3]), kernel_of(planes, decoder)(places(300))[::3])
    half = planes.half()
    torch.testing.assert_close(kernel_of(half, decoder)(places(100)), kernel_of(half.float(), decoder)(places(100)))


def test_points_that_are_no_number_harm_nobody() -> None:
    planes, decoder = scene(16, 64, 16)
    points = places(50)
    points[7], points[9, 0], points[11, 2] = float("nan"), float("inf"), -1e30
    got = kernel_of(planes, decoder)(points)
    clean = torch.arange(50) != 7
    torch.testing.assert_close(
        got[clean], outputs_plain(planes, decoder, points.clamp(-9, 9))[clean], atol=2e-6, rtol=1e-5
    )


def test_more_threads_change_nothing() -> None:
    planes, decoder = scene(16, 64, 16)
    kernel, before = kernel_of(planes, decoder), torch.get_num_threads()
    alone = kernel(places(20_000))
    torch.set_num_threads(3)
    try:
        assert torch.equal(kernel(places(20_000)), alone)
    finally:
        torch.set_num_threads(before)


def test_only_known_decoders_are_compiled() -> None:
    planes, decoder = scene(16, 64, 8)
    assert pack(planes, torch.nn.Linear(16, 4)) is None
    assert pack(planes[..., :1, :1], decoder) is None, "one texel has no neighbour"
    assert pack(planes.to("meta"), decoder) is None


@pytest.mark.parametrize(("batch", "channels", "side", "count"), [(1, 16, 64, 3000), (3, 5, 8, 200), (2, 32, 2, 1)])
def test_gradients_reach_the_planes_as_in_torch(batch: int, channels: int, side: int, count: int) -> None:
    torch.manual_seed(0)
    planes = torch.randn(batch, 3, channels, side, side, requires_grad=True)
    points = places(batch * count).reshape(batch, count, 3)
    upward = torch.randn(batch, count, channels)
    found = []
    for way in (lookup, lookup_plain):
        values = way(planes, points)
        (gradient,) = torch.autograd.grad(values, planes, upward)
        found.append((values.detach(), gradient))
    torch.testing.assert_close(*[values for values, _ in found], atol=5e-6, rtol=1e-5)
    torch.testing.assert_close(*[gradient for _, gradient in found], atol=1e-4, rtol=1e-4)


def test_gradients_reach_the_points_too() -> None:
    planes, points = torch.randn(1, 3, 4, 8, 8), places(20)[None].requires_grad_(True)
    (gradient,) = torch.autograd.grad(lookup(planes, points).sum(), points)
    assert gradient.abs().sum() > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_gives_the_same() -> None:
    planes, decoder = scene(32, 64, 64)
    assert pack(planes.cuda(), decoder.cuda()) is None
    far = outputs_plain(planes.cuda(), decoder, places(5000).cuda()).cpu()
    torch.testing.assert_close(kernel_of(planes, decoder.cpu())(places(5000)), far, atol=1e-3, rtol=1e-3)  # TF32
