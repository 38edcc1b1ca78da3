# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.models.decoder import DecoderConfig, FieldDecoder, with_beta

FEATURES = torch.linspace(-2, 2, 8 * 5).reshape(5, 8)


def test_all_answers_agree() -> None:
    decoder = FieldDecoder(DecoderConfig(channels=8, hidden=16))
    sdf, rgb = decoder(FEATURES)
    values = decoder.values(FEATURES)
    torch.testing.assert_close(values.sdf, sdf)
    torch.testing.assert_close(values.sdf, decoder.sdf(FEATURES))
    torch.testing.assert_close(values.rgb, rgb)
    assert (values.beta == decoder.config.softness).all()


def test_a_new_beta_head_says_a_hundredth_and_changes_nothing_else() -> None:
    plain = FieldDecoder(DecoderConfig(channels=8, hidden=16))
    soft = with_beta(plain)
    before, after = plain.values(FEATURES), soft.values(FEATURES)
    torch.testing.assert_close(after.sdf, before.sdf)
    torch.testing.assert_close(after.rgb, before.rgb)
    torch.testing.assert_close(after.beta, torch.full((5,), 0.01))


def test_beta_learns_to_differ_from_place_to_place() -> None:
    decoder = with_beta(FieldDecoder(DecoderConfig(channels=8, hidden=16)))
    wanted = torch.tensor([0.002, 0.015, 0.005, 0.01, 0.018])
    optimiser = torch.optim.Adam(decoder.parameters(), lr=0.02)
    for _ in range(300):
        loss = (100 * (decoder.values(FEATURES).beta - wanted)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (decoder.values(FEATURES).beta - wanted).abs().max() < 0.002
