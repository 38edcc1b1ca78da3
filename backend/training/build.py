# SPDX-License-Identifier: GPL-3.0-or-later
"""From a configuration's name to its stages: what each stands on, and how a published one samples."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from ..geometry.fields import TriplaneField
from ..geometry.triplane import Triplane
from ..models.embedding import EmbeddingConfig, JointEmbedding
from ..models.plane_upsampler import enlarge
from ..models.portrait_vae import PortraitVAE
from ..models.unet import PlaneCondition
from .base import BaseStage, load_base
from .embedding import CLASSES, load_embedding, train_embedding
from .engine import EngineConfig, Stage, TrainingError, train
from .gan_presets import build_gan
from .latents import LatentSet, learn_latents
from .looks_stage import LooksStage, begun_looks
from .loop import Report, ignore
from .plane_base import PlaneBaseConfig, PlaneBaseStage, sample_planes
from .plane_seeing import See, by_autoencoder, by_embedding
from .plane_set import PlaneSet
from .plane_upsampling import PlaneUpsamplerStage, PlaneUpsamplerStageConfig, sample_large
from .planes import PlanesStage, load_field_maker
from .presets import Cascade, Paper, StageName, preset_of
from .prior import train_prior
from .reading import ReaderStage, load_reader
from .refiner import Pairs, RefinerStage, render_pairs
from .render_loss import Features, encoder_features
from .upsampler import UpsamplerStage

logger = logging.getLogger(__name__)
REFINED_PEOPLE = 100
"""Fitted people whose renders teach the refiner: they are all in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where things lie."""

    data: Path
    """Shards of people, or for the published configurations a run of `maquette fit --method replay`."""
    out: Path
    """Folder of all stages: each has its own inside, `<stage>/<stage>.pt`."""
    vae: Path | None = None
    """Folder of SDXL's autoencoder, for `rodinhd`."""

    def of(self, stage: StageName) -> Path:
        """The file that a finished stage leaves."""
        return self.out / stage / f"{stage}.pt"

    def needed(self, stage: StageName, by: str) -> Path:
        """The same, which must be there.

        Raises TrainingError if it is not.
        """
        path = self.of(stage)
        if not path.exists():
            raise TrainingError(f"{by} needs {path}, which is not there",
                                f"Train it first: maquette train {stage}.")  # fmt: skip
        return path


def train_stage(
    name: StageName,
    config: str,
    places: Places,
    engine: EngineConfig,
    report: Report = ignore,
    batch: int | None = None,
) -> Path:
    """Train a stage of a configuration; returns the file that it leaves. `batch` overrides gan's own.

    Raises TrainingError if what it stands on is missing.
    """
    out = places.of(name).parent
    if name == "gan":
        return train(build_gan(config, places.data, batch), engine, out, report)
    preset = preset_of(config, name)
    if isinstance(preset, Paper) or name in ("reader", "base", "planes", "upsampler", "refiner", "looks"):
        return train(build_stage(name, config, places), engine, out, report)
    if name == "latents":
        learn_latents(places.data, preset.codec, preset.components).save(places.of(name))
        return places.of(name)
    if name == "embedding":
        latents = LatentSet.load(places.needed("latents", "the embedding"))
        model = replace(preset.embedding, attributes={key: len(classes) for key, classes in CLASSES.items()})
        return train_embedding(places.data, latents, out, engine, preset.embedding_stage, model, report=report)
    embedding = places.needed("embedding", "the prior")
    latents = LatentSet.load(places.needed("latents", "the prior"))
    return train_prior(places.data, latents, embedding, out, engine, preset.prior_stage, preset.prior, report)


def build_stage(name: StageName, config: str, places: Places, batch: int | None = None, random: bool = False) -> Stage:
    """A stage ready to train: reader, base, planes, upsampler, refiner, looks or gan; `batch` overrides how many people
    or views a minibatch holds.

    With `random` networks that a published stage only looks through may have random weights: it can be measured
    without them. Raises TrainingError if what it stands on is missing, or if the configuration has no such stage.
    """
    if name == "gan":
        return build_gan(config, places.data, batch)
    preset = preset_of(config, name)
    if isinstance(preset, Paper):
        return _published(name, preset, config, places, batch, random)
    if name == "reader":
        latents = LatentSet.load(places.needed("latents", "the reader"))
        reading = preset.reader_stage if batch is None else replace(preset.reader_stage, batch=batch)
        return ReaderStage(places.data, latents, preset.base.reader, reading)
    if name == "base":
        latents = LatentSet.load(places.needed("latents", "the base model"))
        embedding = load_embedding(places.needed("embedding", "the base model"))
        stage = preset.base_stage if batch is None else replace(preset.base_stage, batch=batch)
        reader = load_reader(places.needed("reader", "the base model"))
        base = BaseStage(places.data, latents, embedding, reader, preset.base, stage)
        if batch is None and not places.of("base").exists():
            base.begin(torch.Generator().manual_seed(0))
        return base
    if name == "planes":
        plain = preset.planes_stage if batch is None else replace(preset.planes_stage, people_per_step=batch)
        return PlanesStage(places.data, preset.planes, plain)
    if name == "upsampler":
        return _upsampler(preset, places, batch)
    if name == "refiner":
        return _refiner(preset, places, batch)
    if name == "looks":
        stage = preset.looks_stage if batch is None else replace(preset.looks_stage, batch=batch)
        # A run that goes on keeps its words, even if people were added.
        network = begun_looks(places.of("looks")) or preset.looks
        return LooksStage(places.data, network, stage)
    raise TrainingError(f"{name} is not built but trained", "Call train_stage.")


def sampler(stage: Stage, steps: int | None = None) -> Callable[[], Tensor]:
    """One sample of a published stage's network as it is, batch of one; `steps` overrides its own number."""
    if isinstance(stage, PlaneBaseStage):
        config = stage.config if steps is None else replace(stage.config, sample_steps=steps)
        return lambda: _base_sample(stage, config)
    if isinstance(stage, PlaneUpsamplerStage):
        enlarging = stage.config if steps is None else replace(stage.config, sample_steps=steps)
        return lambda: _upsampler_sample(stage, enlarging)
    raise TrainingError(f"{stage.name} has no sampler of its own", "Draw its sheet instead.")


def _base_sample(stage: PlaneBaseStage, config: PlaneBaseConfig) -> Tensor:
    condition = _condition(stage)
    *_, last = sample_planes(stage.network, condition, config, torch.Generator().manual_seed(0), 1)
    return last.x


def _upsampler_sample(stage: PlaneUpsamplerStage, config: PlaneUpsamplerStageConfig) -> Tensor:
    device = next(stage.network.parameters()).device
    low = enlarge(stage.people.standard(stage.people.names[:1]), stage.network.config.low_size).to(device)
    *_, last = sample_large(stage.network, low, _condition(stage), config, torch.Generator().manual_seed(0))
    return last.x


def _condition(stage: PlaneBaseStage | PlaneUpsamplerStage) -> PlaneCondition:
    device = next(stage.network.parameters()).device
    return stage.see(stage.people.portraits(stage.people.names[:1]).to(device), None)


def _upsampler(preset: Cascade, places: Places, batch: int | None) -> UpsamplerStage:
    latents = LatentSet.load(places.needed("latents", "the upsampler"))
    embedding = load_embedding(places.needed("embedding", "the upsampler"))
    maker = load_field_maker(places.needed("planes", "the upsampler"))
    base, _ = load_base(places.needed("base", "the upsampler"))
    stage = preset.upsampler_stage if batch is None else replace(preset.upsampler_stage, batch=batch)
    return UpsamplerStage(places.data, latents, maker, embedding, preset.upsampler, stage, base)


def _refiner(preset: Cascade, places: Places, batch: int | None) -> RefinerStage:
    people = PlaneSet(places.data)
    pairs = []
    for name in people.names[:REFINED_PEOPLE]:
        seen = TriplaneField(Triplane(people.fitted(name)[None]), people.decoder)
        pairs.append(render_pairs(seen, people.views(name), preset.refiner.scale))
    stage = preset.refiner_stage if batch is None else replace(preset.refiner_stage, batch=batch)
    return RefinerStage(Pairs.join(pairs), preset.refiner, stage, _features(places))


def _features(places: Places) -> Features | None:
    """The maps of the embedding's portrait encoder, where it has been trained."""
    if places.of("embedding").exists():
        return encoder_features(load_embedding(places.of("embedding")).portrait_encoder)
    logger.info("no %s: pictures teach pixel by pixel alone", places.of("embedding"))
    return None


def _published(
    name: StageName, preset: Paper, config: str, places: Places, batch: int | None, random: bool
) -> PlaneBaseStage | PlaneUpsamplerStage:
    if name == "base":
        base = preset.base_stage if batch is None else replace(preset.base_stage, batch=batch)
        people = PlaneSet(places.data, preset.base.channels, preset.base.size)
        return PlaneBaseStage(people, _see(preset, config, places, random), preset.base, base)
    if name == "upsampler":
        stage = preset.upsampler_stage if batch is None else replace(preset.upsampler_stage, batch=batch)
        people = PlaneSet(places.data, preset.upsampler.channels, preset.upsampler.size)
        return PlaneUpsamplerStage(
            people, _see(preset, config, places, random), preset.upsampler, stage, _features(places)
        )
    raise TrainingError(
        f"{config} has no stage {name}", "Its stages are base and upsampler; planes come from maquette fit."
    )


def _see(preset: Paper, config: str, places: Places, random: bool) -> See:
    if preset.sees == "embedding":
        if random and not places.of("embedding").exists():
            return by_embedding(JointEmbedding(EmbeddingConfig()))
        return by_embedding(load_embedding(places.needed("embedding", config)))
    if places.vae is not None:
        return by_autoencoder(PortraitVAE.load(places.vae))
    if random:
        return by_autoencoder(PortraitVAE.untrained())
    raise TrainingError(f"{config} looks at portraits through SDXL's autoencoder, and none is given",
                        "Name its folder: --vae FOLDER.")  # fmt: skip
