# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.models.super_resolution import Kind, SuperResolution, SuperResolutionConfig


@pytest.mark.parametrize(("kind", "out"), [("2X", 128), ("4X", 256)])
def test_pictures_come_out_at_their_side(kind: Kind, out: int) -> None:
    network = SuperResolution(SuperResolutionConfig(kind=kind, channels=4, w=8)).eval()
    for value in network.parameters():
        value.data *= 0.1
    with torch.inference_mode():
        large = network(torch.zeros(1, 3, 24, 24), torch.randn(1, 4, 24, 24), torch.randn(1, 8))
    assert large.shape == (1, 3, out, out) and bool(large.isfinite().all())


def test_without_weights_it_only_enlarges() -> None:
    network = SuperResolution(SuperResolutionConfig(kind="2X", channels=4, w=8)).eval()
    for value in network.parameters():
        value.data.zero_()
    with torch.inference_mode():
        large = network(torch.full((1, 3, 64, 64), 0.3), torch.randn(1, 4, 64, 64), torch.randn(1, 8))
    assert torch.allclose(large[..., 4:-4, 4:-4], torch.tensor(0.3), atol=1e-5)
