# SPDX-License-Identifier: GPL-3.0-or-later
"""The model of looks as one file of weights, and how it is asked."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..diffusion.denoiser import Denoiser, at_time
from ..diffusion.schedule import ScheduleConfig
from ..models.layers import channels_last
from ..models.look_denoiser import Known, LookDenoiser, LookDenoiserConfig
from .store import fill, misfit, other_version, read, write

LOOKS = Path(__file__).with_name("looks.safetensors")
LOOKS_FORMAT = "maquette-looks-1"


@dataclass(frozen=True, slots=True)
class LookModelConfig:
    """All sizes."""

    network: LookDenoiserConfig
    schedule: ScheduleConfig

    @classmethod
    def tiny(cls) -> "LookModelConfig":
        """For tests."""
        return cls(LookDenoiserConfig.tiny(), ScheduleConfig(kind="cosine", tau=1.0))

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "LookModelConfig":
        """Rebuild from what `to_json` gave."""
        return cls(LookDenoiserConfig.from_json(stored["network"]), ScheduleConfig(**stored["schedule"]))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return {"network": self.network.to_json(), "schedule": asdict(self.schedule)}


@dataclass(frozen=True, slots=True)
class LookModel:
    """Sentences, and what is known of a view, to pictures."""

    config: LookModelConfig
    network: LookDenoiser

    @classmethod
    def build(cls, config: LookModelConfig) -> "LookModel":
        """With fresh weights."""
        return cls(config, LookDenoiser(config.network)).ready()

    def modules(self) -> dict[str, nn.Module]:
        """Its networks by their name in the file."""
        return {"network": self.network}

    def ready(self) -> "LookModel":
        """For inference: no gradients, convolutions in their fastest layout."""
        self.network.eval().requires_grad_(False)
        channels_last(self.network)
        return self

    def to(self, device: torch.device) -> "LookModel":
        """The same model on a device."""
        self.network.to(device)
        return self


def denoiser(
    model: LookModel,
    sentences: Sequence[str],
    known: Known,
    guidance: float = 1.0,
    against: Sequence[str] | None = None,
) -> Denoiser:
    """(x, u) -> x0 of pictures with these sentences; with `guidance` above 1 away from those without one, or from the
    sentences `against` (Ho and Salimans 2022)."""
    count = len(sentences)
    if guidance == 1:
        said, seen = model.network.text(list(sentences)), known
    else:
        said = model.network.text([*sentences, *(against or [""] * count)])
        seen = Known(*(torch.cat([each, each]) for each in (known.picture, known.guide, known.numbers)))

    def network(x: Tensor, sigma: Tensor) -> Tensor:
        if guidance == 1:
            return model.network(x, sigma, said, seen)
        twice, levels = torch.cat([x, x]), torch.cat([sigma, sigma])
        wanted, other = model.network(twice, levels, said, seen).chunk(2)
        return other + guidance * (wanted - other)

    return at_time(lambda x, sigma: network(x, sigma.expand(len(x))), model.config.schedule)


def save_looks(model: LookModel, path: Path) -> None:
    """Write a model of looks in half precision."""
    write(path, LOOKS_FORMAT, model.config.to_json(), model.modules(), {})


def load_looks(path: Path = LOOKS) -> LookModel:
    """Read a model of looks, on the CPU in single precision, ready to use.

    Raises WeightsError if the file is missing, damaged or of another kind.
    """
    configs, tensors = read(path, LOOKS_FORMAT)
    try:
        model = LookModel.build(LookModelConfig.from_json(configs))
    except (KeyError, TypeError, ValueError) as error:
        raise other_version(path) from error
    try:
        fill(model.modules(), tensors)
    except (KeyError, RuntimeError) as error:
        raise misfit(path) from error
    return model
