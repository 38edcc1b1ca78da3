# SPDX-License-Identifier: GPL-3.0-or-later
import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import bench_diffusion


def test_the_small_network_has_the_size_that_is_known() -> None:
    with torch.device("meta"):
        assert bench_diffusion.size(bench_diffusion.unet2d(bench_diffusion.WIDTHS_15M)) == pytest.approx(
            15.7e6, rel=0.01
        )


def test_the_peer_grows_to_the_size_of_ours() -> None:
    for parameters in (6e6, 24e6):
        with torch.device("meta"):
            assert bench_diffusion.size(bench_diffusion.of_size(int(parameters))) == pytest.approx(parameters, rel=0.2)


def test_the_peer_denoises_planes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_diffusion, "SHAPE", (1, 16, 16, 48))
    network = bench_diffusion.unet2d((32, 32))
    made = bench_diffusion.ddim_fp32(network, 3)()
    assert made.shape == (1, 16, 16, 48) and made.isfinite().all()
