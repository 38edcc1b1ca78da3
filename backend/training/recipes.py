# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of both stages that measured best for studio people, by the size of the planes."""

from dataclasses import dataclass, replace

from ..models.field_encoder import FieldEncoder
from .objective import ObjectiveConfig, Supervision
from .replay import PlanesConfig, ReplayConfig
from .stage2 import Stage2Config


@dataclass(frozen=True, slots=True)
class Recipe:
    """Stage 1 and stage 2 that belong together."""

    replay: ReplayConfig
    alone: Stage2Config


def recipe(
    planes: PlanesConfig,
    model: FieldEncoder | None = None,
    *,
    supervision: Supervision = "both",
    steps: int | None = None,
    hidden: int = 64,
) -> Recipe:
    """The best known settings; with the shipped networks and planes large enough for theirs, fits begin with them.

    `steps` is how long stage 2 fits each person.
    """
    objective = ObjectiveConfig(supervision=supervision)
    stage1 = ReplayConfig(planes=planes, objective=objective, hidden=hidden)
    if model is None or planes.channels < model.codec.config.plane_channels or supervision == "views":
        # Without shapes to begin with, people need more visits until the mean is one.
        stage1 = replace(stage1, visits=12)
    stage2 = Stage2Config(objective=objective)
    return Recipe(stage1, stage2 if steps is None else replace(stage2, steps=steps))
