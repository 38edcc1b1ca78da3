# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes that belong together: `tiny` for tests, `default` as shipped, `rodin` and `rodinhd` as published."""

from dataclasses import dataclass, field, replace
from typing import Literal

from ..models.embedding import EmbeddingConfig
from ..models.latent_denoiser import LatentDenoiserConfig
from ..models.look_denoiser import LookDenoiserConfig
from ..models.plane_codec import CodecConfig
from ..models.plane_decoder import PlaneDecoderConfig
from ..models.plane_upsampler import PlaneUpsamplerConfig
from ..models.prior import PriorConfig
from ..models.refiner import RefinerConfig
from ..models.unet import PlaneUNetConfig
from ..models.upsampler import UpsamplerConfig
from .base import BaseStageConfig
from .embedding import EmbeddingTraining
from .engine import EngineConfig, TrainingError
from .gan_presets import GANS
from .looks_stage import LooksStageConfig
from .plane_base import PlaneBaseConfig
from .plane_upsampling import PlaneUpsamplerStageConfig
from .planes import PlanesStageConfig
from .prior import PriorTraining
from .reading import ReaderTraining
from .refiner import RefinerStageConfig
from .render_loss import RenderLossConfig
from .upsampler import UpsamplerStageConfig

StageName = Literal["latents", "embedding", "prior", "reader", "base", "planes", "upsampler", "refiner", "looks", "gan"]
CASCADE_ORDER: tuple[StageName, ...] = (
    "latents", "embedding", "prior", "reader", "base", "planes", "upsampler", "refiner", "looks",
)  # fmt: skip
"""Each stage stands on some before it; the refiner on fitted people alone, looks on nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cascade:
    """The generator that ships: diffusion on latents of views, then on views, then a field."""

    codec: CodecConfig = field(default_factory=CodecConfig)
    components: int = 128
    """Principal components of people."""
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    """Without its attributes, which are the studio's."""
    embedding_stage: EmbeddingTraining = field(default_factory=EmbeddingTraining)
    prior: PriorConfig = field(default_factory=PriorConfig)
    prior_stage: PriorTraining = field(default_factory=PriorTraining)
    reader_stage: ReaderTraining = field(default_factory=ReaderTraining)
    """Its network is the base model's."""
    base: LatentDenoiserConfig = field(default_factory=LatentDenoiserConfig)
    base_stage: BaseStageConfig = field(default_factory=BaseStageConfig)
    planes: PlaneDecoderConfig = field(default_factory=PlaneDecoderConfig)
    planes_stage: PlanesStageConfig = field(default_factory=PlanesStageConfig)
    upsampler: UpsamplerConfig = field(default_factory=UpsamplerConfig)
    upsampler_stage: UpsamplerStageConfig = field(default_factory=UpsamplerStageConfig)
    refiner: RefinerConfig = field(default_factory=RefinerConfig)
    refiner_stage: RefinerStageConfig = field(default_factory=RefinerStageConfig)
    looks: LookDenoiserConfig | None = None
    """None: the network that ships, with the words of the studio's sentences."""
    looks_stage: LooksStageConfig = field(default_factory=LooksStageConfig)
    """It knows what sentences look like, and needs nothing of the generator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """A published cascade: diffusion on fitted planes, small and large."""

    base: PlaneUNetConfig
    base_stage: PlaneBaseConfig
    upsampler: PlaneUpsamplerConfig
    upsampler_stage: PlaneUpsamplerStageConfig
    sees: Literal["autoencoder", "embedding"]
    """What a portrait is to it: features of a frozen autoencoder, or a point among portraits and sentences."""


TINY = Cascade(
    codec=CodecConfig.tiny(), components=4, embedding=EmbeddingConfig.tiny(),
    embedding_stage=EmbeddingTraining(batch=4, held_out=2),
    prior=PriorConfig.tiny(), prior_stage=PriorTraining(batch=8, held_out=2),
    reader_stage=ReaderTraining(batch=4, held_out=2),
    base=LatentDenoiserConfig.tiny(), base_stage=BaseStageConfig(batch=4),
    planes=PlaneDecoderConfig.tiny(), planes_stage=PlanesStageConfig(people_per_step=1),
    upsampler=UpsamplerConfig.tiny(), upsampler_stage=UpsamplerStageConfig(batch=2),
    refiner=RefinerConfig.tiny(), refiner_stage=RefinerStageConfig(batch=2, crop=8),
    looks=LookDenoiserConfig.tiny(), looks_stage=LooksStageConfig(batch=2, side=16, imagined_batch=2, imagined_side=8),
)  # fmt: skip
RODIN = Paper(
    base=PlaneUNetConfig.rodin(), base_stage=PlaneBaseConfig(batch=8), upsampler=PlaneUpsamplerConfig.rodin(),
    upsampler_stage=PlaneUpsamplerStageConfig(render=RenderLossConfig(patch=112)), sees="embedding",
)  # fmt: skip
RODINHD = Paper(
    base=PlaneUNetConfig.rodinhd(), base_stage=PlaneBaseConfig(), upsampler=PlaneUpsamplerConfig.rodinhd(),
    upsampler_stage=PlaneUpsamplerStageConfig(), sees="autoencoder",
)  # fmt: skip
PRESETS: dict[str, Cascade | Paper] = {"tiny": TINY, "default": Cascade(), "rodin": RODIN, "rodinhd": RODINHD}

_DEFAULT = EngineConfig(average=0.995, save_every=50, sheet_every=200)
ENGINES: dict[StageName, EngineConfig] = {
    "embedding": replace(_DEFAULT, minutes=20, learning_rate=1.5e-3, warm_up=60, sheet_every=400),
    "prior": replace(_DEFAULT, minutes=10, learning_rate=1e-3, average=0.999, save_every=200, sheet_every=0),
    "reader": replace(_DEFAULT, minutes=45, learning_rate=1.2e-3, warm_up=50, save_every=100),
    "base": replace(_DEFAULT, minutes=70, learning_rate=6e-4, average=0.998, save_every=100, sheet_every=400),
    "planes": replace(_DEFAULT, minutes=10, learning_rate=4e-3, warm_up=50, average=0.98, weight_decay=0.0,
                      save_every=200, sheet_every=0),
    "upsampler": replace(_DEFAULT, minutes=60, learning_rate=1e-3),
    "refiner": replace(_DEFAULT, minutes=30, learning_rate=5e-4),
    "looks": replace(_DEFAULT, minutes=90, learning_rate=1e-3, warm_up=200, average=0.998, sheet_every=400),
}  # fmt: skip
"""As the shipped model was trained, on one core."""
PAPER_ENGINE = EngineConfig(
    steps=500_000, learning_rate=1e-5, warm_up=1000, average=0.9999, save_every=1000, sheet_every=5000
)
"""As RodinHD was trained; say how many devices there are to accelerate."""


def preset_of(config: str, stage: StageName) -> Cascade | Paper:
    """The preset of a configuration. Raises TrainingError for one that has other stages alone."""
    if config not in PRESETS:
        raise TrainingError(f"{config} has no stage {stage}", f"Choose one of {', '.join(PRESETS)}.")
    return PRESETS[config]


def engine(config: str, stage: StageName) -> EngineConfig:
    """How a stage of a configuration is trained unless told otherwise."""
    if stage == "gan" and config in GANS:
        return GANS[config].engine
    if isinstance(preset_of(config, stage), Paper):
        return PAPER_ENGINE
    chosen = ENGINES[stage]
    return replace(chosen, minutes=None, steps=4, save_every=2, sheet_every=0) if config == "tiny" else chosen
