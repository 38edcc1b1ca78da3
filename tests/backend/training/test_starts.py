# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.models.decoder import DecoderConfig, FieldDecoder
from backend.training.starts import adapted_decoder, adapted_planes, encoded_planes, fresh_planes
from backend.weights import store
from tests.backend.training.balls import ball_subject


def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_a_wider_decoder_says_the_same_at_first() -> None:
    torch.manual_seed(0)
    known = FieldDecoder(DecoderConfig(channels=4, hidden=8))
    wider = adapted_decoder(known, DecoderConfig(channels=6, hidden=12), random())
    features = torch.randn(20, 6)
    for ours, theirs in zip(wider(features), known(features[:, :4]), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_narrower_decoder_starts_anew_and_the_same_for_the_same_seed() -> None:
    known = FieldDecoder(DecoderConfig(channels=4, hidden=8))
    first, second = (adapted_decoder(known, DecoderConfig(channels=2, hidden=8), random()) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_planes_change_size_but_lose_no_channel() -> None:
    planes = fresh_planes(4, 8, random())
    larger = adapted_planes(planes, 6, 16)
    assert larger.shape == (3, 6, 16, 16)
    torch.testing.assert_close(larger[:, :4].mean((-1, -2)), planes.mean((-1, -2)), atol=0.02, rtol=0)
    with pytest.raises(ValueError, match="cannot become 2"):
        adapted_planes(planes, 2, 8)


def test_the_shipped_networks_give_a_start() -> None:
    model = store.load_encoder()
    planes = encoded_planes(model, ball_subject(0).points)
    config = model.codec.config
    assert planes.shape == (3, config.plane_channels, config.view_size, config.view_size)
    assert planes.isfinite().all() and not planes.is_inference()
