# SPDX-License-Identifier: GPL-3.0-or-later
"""The checkpoints of all stages to one file of weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..diffusion.schedule import ScheduleConfig
from ..models.decoder import DecoderConfig
from ..models.embedding import EmbeddingConfig
from ..models.latent_denoiser import LatentDenoiserConfig
from ..models.plane_codec import CodecConfig
from ..models.plane_decoder import PlaneDecoderConfig
from ..models.prior import PriorConfig
from ..models.upsampler import UpsamplerConfig
from ..studio.dataset import DatasetError
from ..weights import store
from ..weights.cascade import Cascade, CascadeConfig

STAGES = ("embedding", "prior", "base", "upsampler", "planes")


@dataclass(frozen=True, slots=True)
class Trained:
    """The averaged weights of a stage, and what it recorded."""

    weights: dict[str, Tensor]
    record: dict[str, Any]


def export_weights(runs: Path, path: Path) -> Path:
    """Write the averaged weights of all stages as the generator's file; the checkpoints lie in runs/STAGE/STAGE.pt.

    Raises DatasetError if a stage has not been trained.
    """
    trained = {name: _trained(runs / name / f"{name}.pt") for name in STAGES}
    base, planes, upsampler = (trained[name].record for name in ("base", "planes", "upsampler"))
    model = Cascade.build(
        CascadeConfig(
            base=LatentDenoiserConfig.from_json(base["network"]),
            codec=CodecConfig(**base["codec_config"]),
            upsampler=UpsamplerConfig(**upsampler["network"]),
            planes=PlaneDecoderConfig(**planes["planes"]),
            decoder=DecoderConfig(**planes["decoder"]),
            embedding=EmbeddingConfig.from_json(trained["embedding"].record["embedding"]),
            prior=PriorConfig.from_json(trained["prior"].record["prior"]),
            base_schedule=ScheduleConfig(**base["schedule"]),
            upsampler_schedule=ScheduleConfig(**upsampler["schedule"]),
        )
    )
    model.mean.copy_(base["mean"])
    model.deviation.copy_(base["deviation"])
    model.codec.load_state_dict(base["codec"])
    for name in ("base", "upsampler", "embedding", "prior"):
        getattr(model, name).load_state_dict(trained[name].weights)
    for name in ("planes", "decoder"):
        getattr(model, name).load_state_dict(_part(trained["planes"].weights, name))
    store.save(model, path)
    return path


def _trained(checkpoint: Path) -> Trained:
    if not checkpoint.exists():
        stage = checkpoint.stem
        raise DatasetError(f"{checkpoint} does not exist", f"Train that stage first: maquette train {stage}.")
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    return Trained(state["average"], state["record"])


def _part(weights: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
