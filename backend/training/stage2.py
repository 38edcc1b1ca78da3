# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's planes alone, the decoder frozen (RodinHD, stage 2): a function of its arguments, to run anywhere."""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..geometry.fields import TriplaneField
from ..geometry.triplane import Triplane
from ..models.decoder import FieldDecoder
from ..studio.dataset import DatasetError
from .objective import ObjectiveConfig, Subject, losses
from .quality import mean_psnr
from .subjects import SubjectData


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage2Config:
    """How one person is fitted."""

    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    steps: int = 1000
    """300 held 0.8 dB less than 1,200 on ten people."""
    rate: float = 0.01
    """Learning rate of the planes at first; it falls to a hundredth, linearly."""
    judge_every: int = 1
    """Every so many held-out views are rendered to measure the result; 0 measures nothing."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """One fitted person."""

    name: str
    planes: Float[Tensor, "3 C R R"]
    steps: int
    seconds: float
    """Of fitting alone: reading and judging excluded."""
    psnr: float | None
    """Mean over held-out views, dB; None where there are none."""
    start_psnr: float | None
    """The same before the first step."""

    @property
    def gain_per_second(self) -> float | None:
        """dB gained per second."""
        if self.psnr is None or self.start_psnr is None:
            return None
        return (self.psnr - self.start_psnr) / max(self.seconds, 1e-9)

    def figures(self) -> dict[str, Any]:
        """Everything but the planes, rounded for people to read."""
        values = {"psnr": self.psnr, "start_psnr": self.start_psnr, "db_per_second": self.gain_per_second}
        rounded = {name: None if value is None else round(value, 3) for name, value in values.items()}
        return {"steps": self.steps, "seconds": round(self.seconds, 2), **rounded}


def fit_person(
    data: SubjectData,
    start: Float[Tensor, "3 C R R"],
    decoder: FieldDecoder,
    config: Stage2Config,
    seed: int = 0,
    device: torch.device | None = None,
) -> Fitted:
    """Fit one person from `start`, and measure it before and after; the result's planes lie on the CPU."""
    place = device or torch.device("cpu")
    decoder = decoder.to(place)
    begun = time.monotonic()
    subject = Subject(config.objective, data.views, data.points, place)
    planes = fit_planes(start[None].to(place), decoder, [subject], config, seed)
    seconds = time.monotonic() - begun
    before = after = None
    if data.held_out is not None and config.judge_every:
        before, after = (
            mean_psnr(TriplaneField(Triplane(some), decoder), data.held_out, config.judge_every)
            for some in (start[None].to(place), planes)
        )
    return Fitted(data.name, planes[0].cpu(), config.steps, seconds, after, before)


def fit_planes(
    start: Float[Tensor, "B 3 C R R"], decoder: FieldDecoder, subjects: list[Subject], config: Stage2Config, seed: int
) -> Float[Tensor, "B 3 C R R"]:
    """Planes of several people at once, each by its own supervision; the decoder's weights stay as they are."""
    random = torch.Generator().manual_seed(seed)
    decoder.requires_grad_(False)
    planes = start.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([planes], lr=config.rate, betas=(0.9, 0.99))
    for step in range(config.steps):
        optimiser.param_groups[0]["lr"] = config.rate * (1 - 0.99 * step / config.steps)
        if step % config.objective.refresh_every == 0:
            for own, subject in zip(planes.detach(), subjects, strict=True):
                subject.refresh(own, decoder, random)
        terms = losses(planes, decoder, subjects, config.objective, random)
        optimiser.zero_grad(set_to_none=True)
        # Terms are means over people: the sum over them gives each the step that it would take alone.
        (len(subjects) * torch.stack(list(terms.values())).sum()).backward()
        optimiser.step()
    return planes.detach()


def save_fitted(fitted: Fitted, folder: Path) -> Path:
    """Write planes and figures as planes_<name>.safetensors, in one move."""
    folder.mkdir(parents=True, exist_ok=True)
    path = fitted_path(folder, fitted.name)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    header = {"name": fitted.name, "figures": json.dumps(fitted.figures())}
    save_file({"planes": fitted.planes.contiguous()}, unfinished, metadata=header)
    unfinished.replace(path)
    return path


def load_fitted(path: Path) -> tuple[Float[Tensor, "3 C R R"], dict[str, Any]]:
    """Planes and figures that `save_fitted` wrote.

    Raises DatasetError if the file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            return file.get_tensor("planes"), json.loads(file.metadata()["figures"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(f"{path} holds no fitted planes ({error})", "Delete it and fit the person again.") from error


def fitted_path(folder: Path, name: str) -> Path:
    """Where a person's planes lie."""
    return folder / f"planes_{name}.safetensors"
