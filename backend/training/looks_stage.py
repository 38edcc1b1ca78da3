# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning how heads look that a sentence describes: from noise alone, and as a repainting of what is there."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from ..diffusion.denoiser import diffuse, draw_times
from ..diffusion.samplers import ddim
from ..diffusion.schedule import ScheduleConfig
from ..models.layers import channels_last
from ..models.look_denoiser import Known, LookDenoiser, LookDenoiserConfig, expected
from ..models.look_text import vocabulary_of
from ..weights.looks import LookModel, LookModelConfig, denoiser
from .look_set import LookSet

SHEET = (
    "a photo of a young woman", "an old man with a grey beard", "a marble statue", "a bronze bust of a man",
    "a golden statue", "a wooden head", "a zombie", "an alien", "a robot", "a porcelain bust", "a pencil drawing",
    "a cartoon character", "a man with green hair", "a woman with pink hair", "a lava statue", "a chocolate head",
)  # fmt: skip
SHEET_STEPS, SHEET_GUIDANCE = 16, 2.5
READ = 20_000
"""Sentences from which the vocabulary is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LooksStageConfig:
    """How looks are learned."""

    batch: int = 10
    """Small: while a run is short, many rough steps teach more than few exact ones."""
    side: int = 64
    first_side: int = 32
    """Of most minibatches early on, which then hold more: colours, and what words mean, show in small pictures, too."""
    first_batch: int = 24
    first: float = 0.45
    """Share of the run in which pictures are small."""
    small: float = 0.75
    """Share of minibatches that are small in that part."""
    people: int = 512
    """Held in memory."""
    background: float = 0.25
    """Weight of what is neither the head nor close to it, relative to the head's."""
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(kind="cosine", tau=1.0))


class LooksStage:
    """Learns from a folder of `studio.sittings` shards."""

    name = "looks"

    def __init__(self, folder: Path, network: LookDenoiserConfig | None, config: LooksStageConfig) -> None:
        """Words of the network's vocabulary are those of the studio's sentences unless a `network` is given."""
        self.config, self.progress = config, 0.0
        self.people = LookSet(folder, most=config.people)
        if network is None:
            said = self.people.sentences(READ, torch.Generator().manual_seed(0))
            network = default_network(vocabulary_of([*said, *SHEET]))
        self.network = LookDenoiser(network)
        channels_last(self.network)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Squared error of the correction, over the head and, less, around it."""
        config, device = self.config, self.network.stem.weight.device
        early = float(torch.rand(1, generator=random)) < config.small and self.progress < config.first
        count, side = (config.first_batch, config.first_side) if early else (config.batch, config.side)
        truth = self.people.draw(count, side, random)
        x0 = (2 * truth.picture - 1).to(device)
        u = draw_times(count, random)[torch.randperm(count, generator=random)]
        noise = torch.randn(x0.shape, generator=random).to(device)
        noisy, sigma = diffuse(x0, u.to(device), noise, config.schedule)
        known = truth.known.to(device)
        mean, deviation = expected(noisy, sigma, known)
        error = self.network.correction(noisy, sigma, self.network.text(truth.sentences), known)
        error = error - (x0 - mean) / deviation
        alone = (truth.known.numbers[:, 1:3].sum(1) == 0).float().to(device)[:, None, None, None]
        # With a sentence alone the silhouette has to be learned, too.
        least = torch.maximum(alone, torch.tensor(config.background, device=device))
        weight = least + (1 - least) * truth.shown.to(device)
        return {"correction": (weight * error.square()).mean() / weight.mean()}

    def sheet(self, average_weights: dict[str, Tensor], path: Path) -> None:
        """Pictures from sentences alone, then views as they were known, repainted, and true."""
        network = LookDenoiser(self.network.config)
        network.load_state_dict(average_weights)
        network.eval()
        model = LookModel(LookModelConfig(network.config, self.config.schedule), network)
        random, side = torch.Generator().manual_seed(0), self.config.side
        imagined = sample(model, list(SHEET), Known.nothing(len(SHEET), side), random, SHEET_GUIDANCE)
        known: list[Known] = []
        sentences: list[str] = []
        truths: list[Tensor] = []
        while len(known) < len(SHEET):
            drawn = self.people.draw(1, side, random)
            if float(drawn.known.numbers[0, 1]):
                known.append(drawn.known)
                sentences += drawn.sentences
                truths.append(drawn.picture)
        together = Known(*(torch.cat([getattr(each, name) for each in known])
                           for name in ("picture", "guide", "numbers")))  # fmt: skip
        painted = sample(model, sentences, together, random, 1.0)
        rows = [torch.cat(list(each), 2) for each in (imagined, together.picture / 2 + 0.5, painted, torch.cat(truths))]
        picture = (torch.cat(rows, 1).clamp(0, 1) * 255).round().byte().permute(1, 2, 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture.numpy()).save(path)

    def record(self) -> dict[str, Any]:
        """The model's configuration, and the number of people."""
        config = LookModelConfig(self.network.config, self.config.schedule)
        return {"looks": config.to_json(), "people": len(self.people), "stage": _plain(self.config)}


@torch.inference_mode()
def sample(
    model: LookModel, sentences: list[str], known: Known, random: torch.Generator, guidance: float,
    steps: int = SHEET_STEPS,
) -> Float[Tensor, "B 3 S S"]:  # fmt: skip
    """Pictures in [0, 1]."""
    noise = torch.randn(known.picture.shape, generator=random)
    *_, last = ddim(denoiser(model, sentences, known, guidance), noise, steps, model.config.schedule)
    return last.x0.clamp(-1, 1) / 2 + 0.5


def default_network(words: tuple[str, ...]) -> LookDenoiserConfig:
    """The network that ships, with a vocabulary."""
    small = LookDenoiserConfig.tiny()
    return LookDenoiserConfig(text=replace(small.text, words=words, width=128, layers=2, heads=4, embedding=256))


def begun_looks(checkpoint: Path) -> LookDenoiserConfig | None:
    """The network of a run that has begun."""
    if not checkpoint.exists():
        return None
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    return LookModelConfig.from_json(state["record"]["looks"]).network


def trained_looks(checkpoint: Path) -> LookModel:
    """The averaged network of a run, ready to use."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    model = LookModel.build(LookModelConfig.from_json(state["record"]["looks"]))
    model.network.load_state_dict(state["average"])
    return model.ready()


def _plain(config: LooksStageConfig) -> dict[str, Any]:
    return {**asdict(config), "schedule": asdict(config.schedule)}
