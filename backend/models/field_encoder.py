# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's views to small field planes in one pass: where fits begin."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..geometry.fields import TriplaneField
from .decoder import DecoderConfig, FieldDecoder
from .layers import channels_last
from .plane_codec import CodecConfig, LightPlaneDecoder, ViewCodec


@dataclass(frozen=True, slots=True)
class FieldEncoder:
    """The networks of the codec fit (`training.fit`)."""

    codec: ViewCodec
    planes: LightPlaneDecoder
    decoder: FieldDecoder

    @classmethod
    def build(cls, codec: CodecConfig, decoder: DecoderConfig) -> "FieldEncoder":
        """With fresh weights, for inference."""
        model = cls(ViewCodec(codec), LightPlaneDecoder(codec), FieldDecoder(decoder))
        for module in model.modules().values():
            module.eval().requires_grad_(False)
            channels_last(module)
        return model

    def modules(self) -> dict[str, nn.Module]:
        """Its networks by their name in the file."""
        return {"codec": self.codec, "planes": self.planes, "decoder": self.decoder}

    @torch.inference_mode()
    def field_of_views(self, views: Float[Tensor, "1 3 K S S"]) -> TriplaneField:
        """The field of one person's views along the axes."""
        return TriplaneField(self.planes.as_triplane(self.planes(views)), self.decoder)
