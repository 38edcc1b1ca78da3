# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of the SDF GAN that belong together: `tiny` for tests, `default` for one core, `paper` as published."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from ..models.discriminator import DiscriminatorConfig
from ..models.proposal import ProposalConfig
from ..models.sdf_gan import SdfGanConfig
from ..weights import store
from .engine import EngineConfig, TrainingError
from .gan import GanStage, GanStageConfig
from .gan_rendering import GanRendering
from .gan_schedule import GanSchedule
from .gan_views import picture_source
from .gan_warm import WarmStart


@dataclass(frozen=True, slots=True, kw_only=True)
class GanPreset:
    """Networks, their training, and how long."""

    generator: SdfGanConfig = field(default_factory=SdfGanConfig)
    discriminator: DiscriminatorConfig = field(default_factory=DiscriminatorConfig)
    proposal: ProposalConfig = field(default_factory=ProposalConfig)
    stage: GanStageConfig = field(default_factory=GanStageConfig)
    views: int | None = None
    """Side of the pictures that a warm start looks at closely, pixels; None: as they are judged."""
    engine: EngineConfig


_ENGINE = EngineConfig(learning_rate=2.5e-3, warm_up=100, weight_decay=0.0, clip=100.0, average=0.999)
PAPER_STEPS = 881_250
"""28.2 million pictures in batches of 32."""
GANS: dict[str, GanPreset] = {
    "tiny": GanPreset(
        generator=SdfGanConfig.tiny(), discriminator=DiscriminatorConfig.tiny(), proposal=ProposalConfig.tiny(),
        stage=GanStageConfig(
            batch=2, rendering=GanRendering(coarse=8, fine=8, budget=4, hard_budget=8, patch=8, boundary_points=64),
            schedule=GanSchedule.small(),
        ),
        engine=replace(_ENGINE, steps=4, save_every=2, sheet_every=0),
    ),
    "default": GanPreset(
        generator=SdfGanConfig.small(), discriminator=DiscriminatorConfig.small(), proposal=ProposalConfig.small(),
        stage=GanStageConfig(
            batch=8, schedule=GanSchedule.small(), adapt_within=100_000,
            rendering=GanRendering(coarse=24, fine=24, budget=8, hard_budget=16, patch=16, boundary_points=512),
        ),
        engine=replace(_ENGINE, minutes=480, save_every=50, sheet_every=500),
    ),
    "heads": GanPreset(
        generator=SdfGanConfig.heads(), discriminator=DiscriminatorConfig.small(), proposal=ProposalConfig.small(),
        stage=GanStageConfig(
            batch=8, schedule=GanSchedule.warm(), warm=WarmStart(), boundary_weight=0.05, adapt_within=50_000,
            settle=0.5, head_rate=0.2, proposal_rate=0.2, judge_rate=0.4,
            rendering=GanRendering(nodes=24, fine=12, budget=8, hard_budget=16, patch=16, boundary_points=512),
        ),
        views=128,
        engine=replace(_ENGINE, learning_rate=5e-3, minutes=75, save_every=50, sheet_every=250, average=0.995),
    ),
    "paper": GanPreset(
        stage=GanStageConfig(rendering=GanRendering(recompute=True)),
        engine=replace(_ENGINE, steps=PAPER_STEPS, average=0.9978, save_every=1000, sheet_every=5000),
    ),
}  # fmt: skip


def build_gan(config: str, folder: Path, batch: int | None = None) -> GanStage:
    """The stage of a preset on a folder's pictures; coverage is learned where there is one.

    Raises TrainingError for another configuration, DatasetError for a folder without pictures.
    """
    if config not in GANS:
        raise TrainingError(f"{config} has no stage gan", f"Choose one of {', '.join(GANS)}.")
    preset = GANS[config]
    views = picture_source(folder, preset.views or preset.discriminator.side)
    eye = store.load().embedding.portrait_encoder if preset.stage.warm is not None else None
    generator, judge = preset.generator, replace(preset.discriminator, channels=views.channels)
    stage = preset.stage if batch is None else replace(preset.stage, batch=batch)
    return GanStage(views, generator, judge, preset.proposal, stage, eye)
