# SPDX-License-Identifier: GPL-3.0-or-later
"""W7: one generator, rendered pixel by pixel, and rendered small and enlarged by a network that learned to.

The network sees what EG3D's sees at most: a small picture of the same volume, four times smaller, and learns from the
generator's own large renders, with a judge, what they should be. Nothing but the enlargement differs.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..evaluation.consistency import moved_psnr
from ..geometry.cameras import Camera, orbit
from ..geometry.interpolated import Interpolated
from ..geometry.volume import volume_render
from ..models.refiner import RefinerConfig, ViewRefiner
from ..models.sdf_gan import SdfGan, SdfVolume
from ..training.engine import EngineConfig, train
from ..training.refiner import Pairs, RefinerStage, RefinerStageConfig, load_refiner
from .base import Claim, Outcome, Progress, Settings, clearly_positive, part, plus_minus, subtract
from .heads import shipped_heads
from .likeness import shipped_features
from .pictures import grid

SCALE, SIDE = 4, 128
PEOPLE, VIEWS, UNSEEN = 8, 3, 3
"""Heads that the network learns from, pictures of each, and heads that are judged."""
STEPS, TINY_STEPS = 100, 2
PLACES, APART = 4, 0.12
"""Pairs of neighbouring views around each judged head, and the angle between two neighbours, radians."""
FIGURE = "native over enlarged, dB"
CLAIM = Claim(
    id="W7",
    title="Pictures of which every pixel is rendered show one body from all sides; enlarged ones do not",
    source="WYSIWYG (Trevithick et al. 2024), section 1 and the comparison with EG3D",
    published="2D super-resolution paints details that move over the surface; shown in videos, without a number",
    size=None,
    unit="dB",
    expected="PSNR between neighbouring views of heads, one moved onto the other by the volume's depth: clearly higher "
    "where all pixels are rendered than where a quarter of the side is rendered and a network enlarges it",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """Pictures of one head."""

    pictures: Float[Tensor, "K 4 S S"]
    """Colour over white and coverage."""
    maps: Float[Tensor, "K 2 S S"]
    """Depth along the axis, and coverage."""


def experiment(settings: Settings, progress: Progress) -> Outcome:
    generator = shipped_heads()
    side = settings.pick(SIDE, 32)
    native: list[float] = []
    enlarged: list[float] = []
    rows: list[list[np.ndarray]] = []
    count = len(settings.seeds)
    for index, seed in enumerate(settings.seeds):
        begin, share = index / count, 1 / count
        refiner = _learned(settings, generator, seed, side, part(progress, begin, begin + 0.6 * share))
        for person in range(settings.pick(UNSEEN, 1)):
            progress("neighbouring views", begin + share * (0.6 + 0.4 * person / UNSEEN))
            volume = _person(generator, seed, 1000 + person)
            angles = [2 * math.pi * k / settings.pick(PLACES, 1) for k in range(settings.pick(PLACES, 1))]
            cameras = [[orbit(angle + shift, 0.05) for angle in angles] for shift in (0.0, APART)]
            sides = [_shown(volume, some, side) for some in cameras]
            maps = sides[0].maps, sides[1].maps
            plain = [some.pictures[:, :3] for some in sides]
            painted = [_enlarge(refiner, some.pictures) for some in sides]
            native.append(moved_psnr(cameras[0], cameras[1], plain[0], plain[1], *maps))
            enlarged.append(moved_psnr(cameras[0], cameras[1], painted[0], painted[1], *maps))
            if not index:
                rows.append([_bytes(plain[0][0]), _bytes(painted[0][0]), _bytes(plain[1][0]), _bytes(painted[1][0])])
    per_seed = [np.reshape(values, (count, -1)).mean(1).tolist() for values in (native, enlarged)]
    gain = subtract(*per_seed)
    why = f"Agreement of neighbours {plus_minus(per_seed[0])} dB native, {plus_minus(per_seed[1])} dB enlarged."
    return Outcome(
        ours={FIGURE: gain, "native: agreement of neighbours, dB": per_seed[0],
              "enlarged: agreement of neighbours, dB": per_seed[1]},
        headline=FIGURE, reproduced=clearly_positive(gain), why=why,
        pictures={"Two neighbouring views (first seed)": grid(rows, ["native", "enlarged", "native", "enlarged"])},
    )  # fmt: skip


def _learned(settings: Settings, generator: SdfGan, seed: int, side: int, progress: Progress) -> ViewRefiner:
    """A network that enlarges this generator's pictures."""
    random = torch.Generator().manual_seed(seed)
    people = settings.pick(PEOPLE, 1)
    pairs = []
    for person in range(people):
        progress("large pictures of heads", 0.4 * person / people)
        turns = (2 * math.pi * torch.rand(VIEWS, generator=random)).tolist()
        shown = _shown(_person(generator, seed, person), [orbit(turn, 0.05) for turn in turns], side).pictures
        pairs.append(Pairs(functional.avg_pool2d(shown, SCALE), shown[:, :3]))
    config = RefinerConfig(scale=SCALE, width=settings.pick(24, 8), multipliers=(1, 2), out_width=settings.pick(16, 8))
    torch.manual_seed(seed)
    features = shipped_features() if settings.size == "default" else None
    stage = RefinerStage(Pairs.join(pairs), config, RefinerStageConfig(batch=4, crop=24), features)
    steps = settings.pick(STEPS, TINY_STEPS)
    engine = EngineConfig(steps=steps, learning_rate=2e-3, warm_up=20, average=0.98, precision="no", save_every=10,
                          sheet_every=0, seed=seed)  # fmt: skip
    folder = settings.cache / "enlarging" / f"{settings.size}_{seed}"
    (folder / f"{stage.name}.pt").unlink(missing_ok=True)
    report = lambda clock, losses: progress("learning to enlarge", 0.4 + 0.6 * clock.steps / steps)  # noqa: E731
    return load_refiner(train(stage, engine, folder, report))


@torch.no_grad()
def _person(generator: SdfGan, seed: int, person: int) -> SdfVolume:
    draw = torch.Generator().manual_seed(10_000 * seed + person)
    z = torch.randn(1, generator.config.mapping.z, generator=draw)
    return generator.volume(generator.planes(generator.styles(z, None, 0.8)))


@torch.no_grad()
def _shown(volume: SdfVolume, cameras: list[Camera], side: int) -> Shown:
    views = [volume_render(volume, camera, side, side, Interpolated(32, 16)) for camera in cameras]
    pictures = [torch.cat([view.rgb.clamp(0, 1), view.alpha[..., None]], -1).permute(2, 0, 1) for view in views]
    return Shown(torch.stack(pictures), torch.stack([torch.stack([view.depth, view.alpha]) for view in views]))


@torch.no_grad()
def _enlarge(refiner: ViewRefiner, pictures: Float[Tensor, "K 4 S S"]) -> Float[Tensor, "K 3 S S"]:
    return refiner(functional.avg_pool2d(pictures, SCALE)).clamp(0, 1)


def _bytes(picture: Float[Tensor, "3 S S"]) -> np.ndarray:
    shown: np.ndarray = picture.permute(1, 2, 0).clamp(0, 1).numpy()
    return shown
