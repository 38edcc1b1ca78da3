# SPDX-License-Identifier: GPL-3.0-or-later
"""All networks of the default generator together, and the way from a latent to a field."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..diffusion.schedule import ScheduleConfig
from ..geometry.fields import TriplaneField
from ..geometry.triplane import roll, unroll
from ..models.decoder import DecoderConfig, FieldDecoder
from ..models.embedding import EmbeddingConfig, JointEmbedding
from ..models.latent_denoiser import LatentDenoiser, LatentDenoiserConfig
from ..models.layers import channels_last
from ..models.plane_codec import CodecConfig, ViewCodec
from ..models.plane_decoder import PlaneDecoder, PlaneDecoderConfig
from ..models.prior import LatentPrior, PriorConfig
from ..models.upsampler import UpsamplerConfig, ViewUpsampler


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeConfig:
    """Configurations of all parts; sizes must agree."""

    base: LatentDenoiserConfig
    codec: CodecConfig
    upsampler: UpsamplerConfig
    planes: PlaneDecoderConfig
    decoder: DecoderConfig
    embedding: EmbeddingConfig
    prior: PriorConfig
    base_schedule: ScheduleConfig
    upsampler_schedule: ScheduleConfig

    @classmethod
    def tiny(cls) -> "CascadeConfig":
        """For tests."""
        return cls(
            base=LatentDenoiserConfig.tiny(), codec=CodecConfig.tiny(), upsampler=UpsamplerConfig.tiny(),
            planes=PlaneDecoderConfig.tiny(), decoder=DecoderConfig(channels=8, hidden=16),
            embedding=EmbeddingConfig.tiny(), prior=PriorConfig.tiny(),
            base_schedule=ScheduleConfig.rodinhd_base(), upsampler_schedule=ScheduleConfig.rodinhd_upsampler(),
        )  # fmt: skip

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "CascadeConfig":
        """Rebuild from what `to_json` gave."""
        return cls(
            base=LatentDenoiserConfig.from_json(stored["base"]),
            codec=CodecConfig(**stored["codec"]),
            upsampler=UpsamplerConfig(**stored["upsampler"]),
            planes=PlaneDecoderConfig(**stored["planes"]),
            decoder=DecoderConfig(**stored["decoder"]),
            embedding=EmbeddingConfig.from_json(stored["embedding"]),
            prior=PriorConfig.from_json(stored["prior"]),
            base_schedule=ScheduleConfig(**stored["base_schedule"]),
            upsampler_schedule=ScheduleConfig(**stored["upsampler_schedule"]),
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {**asdict(self), "embedding": self.embedding.to_json()}


@dataclass(frozen=True, slots=True)
class Cascade:
    """Portrait, sentence or seed to a field."""

    config: CascadeConfig
    base: LatentDenoiser
    codec: ViewCodec
    upsampler: ViewUpsampler
    planes: PlaneDecoder
    decoder: FieldDecoder
    embedding: JointEmbedding
    prior: LatentPrior
    mean: Float[Tensor, "L R W"]
    """Latent of the average person."""
    deviation: Float[Tensor, ""]
    """Scale of the latents."""

    @classmethod
    def build(cls, config: CascadeConfig) -> "Cascade":
        """With fresh weights."""
        size = config.codec.latent_size
        return cls(
            config, LatentDenoiser(config.base), ViewCodec(config.codec), ViewUpsampler(config.upsampler),
            PlaneDecoder(config.planes), FieldDecoder(config.decoder), JointEmbedding(config.embedding),
            LatentPrior(config.prior), torch.zeros(config.codec.latent_channels, size, 3 * size), torch.ones(()),
        ).ready()  # fmt: skip

    def modules(self) -> dict[str, nn.Module]:
        """Its networks by their name in the file."""
        names = ("base", "codec", "upsampler", "planes", "decoder", "embedding", "prior")
        return {name: getattr(self, name) for name in names}

    def ready(self) -> "Cascade":
        """For inference: no gradients, convolutions in their fastest layout."""
        for module in self.modules().values():
            module.eval().requires_grad_(False)
            channels_last(module)
        return self

    def to(self, device: torch.device) -> "Cascade":
        """The same model on a device."""
        for module in self.modules().values():
            module.to(device)
        return replace(self, mean=self.mean.to(device), deviation=self.deviation.to(device))

    def latent_shape(self, batch: int) -> tuple[int, int, int, int]:
        """Of standardised latents."""
        config = self.config.codec
        return batch, config.latent_channels, config.latent_size, 3 * config.latent_size

    @torch.inference_mode()
    def small_views(self, latent: Float[Tensor, "B L R W"]) -> Float[Tensor, "B K s w"]:
        """The rolled-out axis views that standardised latents stand for."""
        return roll(self.codec.decode(latent * self.deviation + self.mean))

    @torch.inference_mode()
    def field(self, views: Float[Tensor, "1 K S W"]) -> TriplaneField:
        """The field of one person's rolled-out views."""
        return TriplaneField(self.planes.as_triplane(self.planes(unroll(views))), self.decoder)
