# SPDX-License-Identifier: GPL-3.0-or-later
"""Learning how heads look that a sentence describes: from noise alone, and as a repainting of what is there."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..diffusion.denoiser import diffuse, draw_times
from ..diffusion.samplers import ddim
from ..diffusion.schedule import ScheduleConfig
from ..models.layers import channels_last
from ..models.look_denoiser import IMAGINED_SCALE, IMAGINED_SIDE, Known, LookDenoiser, LookDenoiserConfig, expected
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
    """Views to be repainted in a minibatch: while a run is short, many rough steps teach more than few exact ones."""
    side: int = 64
    """Of those, pixels."""
    imagined: float = 0.5
    """Share of minibatches of which nothing but sentences is known."""
    imagined_batch: int = 24
    imagined_side: int = IMAGINED_SIDE
    people: int = 512
    """Held in memory."""
    late: float = 0.6
    """Power of times drawn evenly: below 1, more of them are noisy. There all that is large is decided, and learned
    last."""
    background: float = 0.25
    """Weight of what is neither the head nor close to it, relative to the head's."""
    schedule: ScheduleConfig = field(default_factory=lambda: ScheduleConfig(kind="cosine", tau=1.0))


class LooksStage:
    """Learns from a folder of `studio.sittings` shards."""

    name = "looks"

    def __init__(self, folder: Path, network: LookDenoiserConfig | None, config: LooksStageConfig) -> None:
        """Words of the network's vocabulary are those of the studio's sentences unless a `network` is given."""
        self.config = config
        self.people = LookSet(folder, most=config.people)
        if network is None:
            said = self.people.sentences(READ, torch.Generator().manual_seed(0))
            network = default_network(vocabulary_of([*said, *SHEET]))
        self.network = LookDenoiser(network)
        channels_last(self.network)

    def losses(self, random: torch.Generator) -> dict[str, Tensor]:
        """Squared error of the correction, over the head and, less, around it."""
        config, device = self.config, self.network.stem.weight.device
        if float(torch.rand(1, generator=random)) < config.imagined:
            truth = self.people.imagined(config.imagined_batch, config.imagined_side, random)
        else:
            truth = self.people.repainted(config.batch, config.side, random)
        count = len(truth.picture)
        x0 = (2 * truth.picture - 1).to(device)
        u = draw_times(count, random)[torch.randperm(count, generator=random)] ** config.late
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
        random, small = torch.Generator().manual_seed(0), self.config.imagined_side
        imagined = sample(model, list(SHEET), Known.nothing(len(SHEET), small, IMAGINED_SCALE), random, SHEET_GUIDANCE)
        imagined = functional.interpolate(imagined, (self.config.side,) * 2)
        views = self.people.repainted(len(SHEET), self.config.side, random)
        painted = sample(model, views.sentences, views.known, random, 1.0)
        rows = [torch.cat(list(each), 2) for each in (imagined, views.known.picture / 2 + 0.5, painted, views.picture)]
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
