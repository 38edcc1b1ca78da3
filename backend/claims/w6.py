# SPDX-License-Identifier: GPL-3.0-or-later
"""W6: a generator that goes on learning with twenty samples a pixel, placed in three ways.

Nothing is learned from the start in minutes: all arms go on from the generator that ships, against the same judge, who
first learns alone to tell its pictures from the studio's. Then both learn, and only where the generator's rays ask
differs. What comes out is rendered with many samples.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..evaluation.frechet import Gaussian, features, frechet
from ..geometry.cameras import orbit
from ..geometry.interpolated import Interpolated
from ..geometry.volume import volume_render
from ..models.discriminator import DiscriminatorConfig
from ..models.portrait_encoder import PortraitEncoder
from ..models.sdf_gan import SdfGan
from ..training.gan import GanStage, GanStageConfig
from ..training.gan_rendering import GanRendering
from ..training.gan_schedule import GanSchedule, Phase
from ..training.gan_sheet import facing
from ..training.gan_views import StudioViews
from ..weights import store
from ..weights.sdf_gan import TrainedSdfGan
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .generation import gather
from .heads import shipped_gan
from .pictures import grid

SIDE, BATCH = 32, 4
ALONE, STEPS = 20, 16
"""Steps of the judge alone, and of both."""
RATE = 1e-3
JUDGED = 24
"""Heads of each arm, and pictures of the studio, that are compared."""
TURN = 0.5
"""Greatest azimuth of the normals that are compared, radians."""
FULL, FREE, NONE = "network, robust strata", "network, free draws", "no network, two passes"
ARMS = {
    FULL: GanRendering(budget=8, hard_budget=None, boundary_points=256, mode="robust"),
    FREE: GanRendering(budget=8, hard_budget=None, boundary_points=256, mode="unstratified"),
    NONE: GanRendering(coarse=10, fine=10, boundary_points=256),
}
"""Each asks about twenty times a pixel: the network's probe costs twelve of them."""
CLAIM = Claim(
    id="W6",
    title="With few samples a pixel, training needs the proposal network and its strata",
    source="WYSIWYG (Trevithick et al. 2024), the ablation",
    published="FID 4.97 and FID of normals 60.76 in full; 38.29 and 93.88 without the network, 5.60 and 86.02 without "
    "strata",
    size=None,
    unit="of the Fréchet distance of normals",
    expected="after as many steps at some twenty samples a pixel, the Fréchet distance of normal maps to those of the "
    "start, all rendered with many samples, is clearly larger without the network and without strata than with both",
)


@dataclass(frozen=True, slots=True)
class Judged:
    """An arm, rendered with many samples."""

    pictures: float
    """Fréchet distance to the studio's."""
    normals: float
    """Fréchet distance to the start's."""
    shown: np.ndarray
    """One head, colours beside normals, in [0, 1]."""


def experiment(settings: Settings, progress: Progress) -> Outcome:
    eye = store.load().embedding.portrait_encoder
    views = StudioViews(_people(settings, progress), settings.pick(SIDE, 16))
    judged: dict[str, list[Judged]] = {arm: [] for arm in ARMS}
    count = len(settings.seeds)
    for index, seed in enumerate(settings.seeds):
        begin = 0.1 + 0.9 * index / count
        progress(f"seed {seed}: the judge learns alone", begin)
        model = shipped_gan()
        judge = _learn(settings, model, views, FULL, seed, None)
        start = _many(settings, shipped_gan().generator, seed)
        real = views.draw(settings.pick(JUDGED, 4), torch.Generator().manual_seed(seed + 77))[0]
        for place, arm in enumerate(ARMS):
            progress(f"seed {seed}: {arm}", begin + 0.9 / count * (0.2 + 0.8 * place / len(ARMS)))
            learned = shipped_gan()
            _learn(settings, learned, views, arm, seed, judge)
            judged[arm].append(_judged(eye, _many(settings, learned.generator, seed), start, real))
    return _outcome(judged)


def _people(settings: Settings, progress: Progress) -> Path:
    """The shards that all claims about generators share."""
    folder = settings.cache / "shards"
    if not list(folder.glob("people_*.npz")):
        gather(settings, part(progress, 0, 0.1))
    return folder


def _learn(
    settings: Settings, model: TrainedSdfGan, views: StudioViews, arm: str, seed: int, judge: dict[str, Tensor] | None
) -> dict[str, Tensor]:
    """The judge alone where there is none yet, else generator and judge; returns what the judge knows then."""
    torch.manual_seed(seed)
    whole = GanSchedule(
        phases=(Phase(until=1, side=1, r1=0.5),), supervise=0.0, propose=0.0 if arm != NONE else 1.0,
        beta=replace(GanSchedule().beta, first=0.005, last=0.005),
    )  # fmt: skip
    config = GanStageConfig(batch=BATCH, rendering=ARMS[arm], schedule=whole, adapt_to=None, sampler_weight=0.2)
    if arm == NONE:
        config = replace(config, schedule=replace(whole, supervise=1.0))
    discriminator = replace(DiscriminatorConfig.small(), side=views.side)
    stage = GanStage(views, model.generator.config, discriminator, model.proposal.config, config)
    stage.generator, stage.makers["generator"] = model.generator, model.generator
    stage.proposal, stage.makers["proposal"] = model.proposal, model.proposal
    for network in (model.generator, model.proposal):
        network.train().requires_grad_(True)
    if judge is not None:
        stage.discriminator.load_state_dict(judge)
    random = torch.Generator().manual_seed(seed)
    makers = torch.optim.Adam(stage.makers.parameters(), lr=RATE, betas=(0.0, 0.99))
    judging = torch.optim.Adam(stage.discriminator.parameters(), lr=2e-3, betas=(0.0, 0.99))
    for _ in range(settings.pick(ALONE if judge is None else STEPS, 1)):
        if judge is not None:
            stage.discriminator.requires_grad_(False)
            makers.zero_grad()
            torch.stack(list(stage.losses(random).values())).sum().backward()
            makers.step()
            stage.discriminator.requires_grad_(True)
        judging.zero_grad()
        torch.stack(list(stage.judge(random).values())).sum().backward()
        judging.step()
    for network in (model.generator, model.proposal):
        network.eval().requires_grad_(False)
    return {name: value.clone() for name, value in stage.discriminator.state_dict().items()}


@torch.no_grad()
def _many(settings: Settings, generator: SdfGan, seed: int) -> Float[Tensor, "2 N 3 S S"]:
    """Colours and normals of the same heads from the same places, with many samples."""
    random = torch.Generator().manual_seed(seed + 55)
    side, found = settings.pick(SIDE, 16), []
    for _ in range(settings.pick(JUDGED, 4)):
        z = torch.randn(1, generator.config.mapping.z, generator=random)
        camera = orbit(float(2 * torch.rand((), generator=random) - 1) * TURN, 0.05)
        volume = generator.volume(generator.planes(generator.styles(z)))
        view = volume_render(volume, camera, side, side, Interpolated(48, settings.pick(32, 8)))
        found.append(torch.stack([view.rgb, facing(view, camera)]))
    return torch.stack(found, 1).permute(0, 1, 4, 2, 3)


def _judged(
    eye: PortraitEncoder, shown: Float[Tensor, "2 N 3 S S"], start: Tensor, real: Float[Tensor, "N C S S"]
) -> Judged:
    crowds = [Gaussian.of(features(eye, crowd * 2 - 1)) for crowd in (*shown, start[1])]
    truth = Gaussian.of(features(eye, real[:, :3]))
    one = torch.cat([shown[0, 0], shown[1, 0]], -1).permute(1, 2, 0).clamp(0, 1).numpy()
    return Judged(frechet(crowds[0], truth), frechet(crowds[1], crowds[2]), one)


def _outcome(judged: dict[str, list[Judged]]) -> Outcome:
    normals = {arm: [each.normals for each in some] for arm, some in judged.items()}
    pictures = {arm: [each.pictures for each in some] for arm, some in judged.items()}
    worse = {arm: subtract(normals[arm], normals[FULL]) for arm in (FREE, NONE)}
    why = "Fréchet distance of normals to the start's: " + ", ".join(
        f"{arm} {plus_minus(values, 4)}" for arm, values in normals.items()
    )
    clear = {arm: clearly_positive(values) for arm, values in worse.items()}
    missing = [arm for arm, found in clear.items() if not found]
    why += f". Not clearly worse: {' and '.join(missing)}." if missing else "."
    ours = {f"{NONE}: more of the distance of normals": worse[NONE],
            f"{FREE}: more of the distance of normals": worse[FREE]}  # fmt: skip
    ours |= {f"{arm}: distance of normals": values for arm, values in normals.items()}
    ours |= {f"{arm}: distance of pictures to the studio's": values for arm, values in pictures.items()}
    first = [some[0].shown for some in judged.values()]
    return Outcome(
        ours=ours, headline=f"{NONE}: more of the distance of normals", reproduced=not missing, why=why,
        pictures={"One head after training (first seed): colours beside normals": grid([first], list(judged), 256)},
    )  # fmt: skip
