# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a fit begins: planes and decoder of another size, or what the shipped networks make of a person."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..models.decoder import DecoderConfig, FieldDecoder
from ..models.field_encoder import FieldEncoder
from ..models.plane_codec import views_to_input

FRESH = 0.1
"""Deviation of planes that nothing is known of."""


def fresh_planes(channels: int, resolution: int, random: torch.Generator) -> Float[Tensor, "3 C R R"]:
    """Small noise, the same at every texel of a plane: smooth, and different in each channel."""
    noise = torch.randn(3, channels, 1, 1, generator=random).expand(-1, -1, resolution, resolution)
    return FRESH * (noise + torch.randn(3, channels, resolution, resolution, generator=random))


def encoded_planes(model: FieldEncoder, arrays: dict[str, np.ndarray]) -> Float[Tensor, "3 C R R"]:
    """Planes of the shipped networks for a person's views along the axes (axis_rgba, axis_depth)."""
    rgba, depth = (torch.from_numpy(arrays[name])[None] for name in ("axis_rgba", "axis_depth"))
    views = views_to_input(rgba, depth, model.codec.config.view_size).to(model.decoder.out.weight.device)
    return model.field_of_views(views).triplane.planes[0].clone().cpu()


def adapted_planes(planes: Float[Tensor, "3 K P P"], channels: int, resolution: int) -> Float[Tensor, "3 C R R"]:
    """Planes of another resolution, with more channels if need be; new channels are noise for gradients to take up.

    Raises ValueError if channels would have to be dropped.
    """
    kept = planes.shape[1]
    if channels < kept:
        raise ValueError(f"planes of {kept} channels cannot become {channels}; start from the mean instead")
    if planes.shape[-1] != resolution:
        planes = functional.interpolate(planes, size=(resolution, resolution), mode="bicubic", align_corners=False)
    if channels == kept:
        return planes
    random = torch.Generator().manual_seed(kept)
    return torch.cat([planes, fresh_planes(channels - kept, resolution, random)], 1)


def adapted_decoder(known: FieldDecoder | None, config: DecoderConfig, random: torch.Generator) -> FieldDecoder:
    """A decoder that begins as the known one where it has its weights, and as a fresh one elsewhere.

    A wider decoder gives the same field at first: new hidden units do not speak, new channels are not heard.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (), generator=random)))
        decoder = FieldDecoder(config)
    if known is None or known.config.channels > config.channels or known.config.hidden > config.hidden:
        return decoder
    with torch.no_grad():
        for name, value in known.state_dict().items():
            fresh = decoder.state_dict()[name]
            corner = tuple(slice(size) for size in value.shape)
            if fresh.ndim == 2:
                fresh[: value.shape[0], value.shape[1] :] = 0
                if name.startswith("out"):
                    fresh[:, value.shape[1] :] = 0
            fresh[corner] = value
    return decoder
