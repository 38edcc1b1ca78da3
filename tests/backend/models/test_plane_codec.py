# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.models.plane_codec import (
    CHANNEL_WEIGHTS,
    VIEW_CHANNELS,
    CodecConfig,
    LightPlaneDecoder,
    ViewCodec,
    views_to_input,
)

TINY = CodecConfig.tiny()


def smooth_views(count: int) -> torch.Tensor:
    """Views that vary along eight directions only."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(8, 3 * VIEW_CHANNELS, 4, 4, generator=generator)
    pictures = torch.nn.functional.interpolate(coarse, TINY.view_size, mode="bilinear")
    mixed = torch.einsum("nk,kchw->nchw", torch.randn(count, 8, generator=generator), pictures)
    return mixed.reshape(count, 3, VIEW_CHANNELS, TINY.view_size, TINY.view_size)


def test_code_is_orthonormal_and_nearly_lossless_on_smooth_views() -> None:
    views, codec = smooth_views(24), ViewCodec(TINY)
    kept = codec.learn(views)
    assert (kept > 0.97).all()
    gram = codec.basis @ codec.basis.transpose(1, 2)
    torch.testing.assert_close(gram, torch.eye(TINY.latent_channels).expand_as(gram), atol=1e-4, rtol=0)
    weight = torch.tensor(CHANNEL_WEIGHTS)[:, None, None]
    error = ((codec.decode(codec.encode(views)) - views) * weight).square().mean()
    assert error < 0.03 * (views * weight).var()


def test_latents_survive_the_round_trip_exactly() -> None:
    codec = ViewCodec(TINY)
    codec.learn(smooth_views(24))
    latent = torch.randn(2, TINY.latent_channels, TINY.latent_size, 3 * TINY.latent_size)
    torch.testing.assert_close(codec.encode(codec.decode(latent)), latent, atol=1e-4, rtol=1e-4)


def test_shard_arrays_become_views() -> None:
    rgba = torch.zeros(1, 3, 2, 64, 64, 4, dtype=torch.uint8)
    rgba[:, :, 1, ..., 0] = 255  # red seen from the far end
    depth = torch.full((1, 3, 2, 64, 64), 0.25, dtype=torch.float16)
    views = views_to_input(rgba, depth, TINY.view_size)
    assert views.shape == (1, 3, VIEW_CHANNELS, TINY.view_size, TINY.view_size)
    assert views[0, 0, 4].eq(1).all() and views[0, 0, 0].eq(-1).all() and views[0, 0, 8:].eq(0.25).all()


def test_decoder_gives_a_triplane_of_the_views_size() -> None:
    decoder = LightPlaneDecoder(TINY)
    triplane = decoder.as_triplane(decoder(smooth_views(2)))
    assert triplane.planes.shape == (2, 3, TINY.plane_channels, TINY.view_size, TINY.view_size)
