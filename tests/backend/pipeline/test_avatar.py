# SPDX-License-Identifier: GPL-3.0-or-later
import json
from collections.abc import Generator

import numpy as np
import pytest
import torch

from backend.faces.networks import FaceFinder
from backend.faces.portrait import PortraitError
from backend.pipeline.avatar import AvatarError, run
from backend.pipeline.events import Finished, Painted, PipelineEvent, Progress, Shaped
from backend.pipeline.request import AvatarRequest
from backend.synthesis.base import Condition
from backend.synthesis.base import Progress as Step
from tests.analytic import BustField

SMALL = {"steps": 3, "resolution": 48, "faces": 1500, "texture_size": 128}


class Sculptor:
    """A synthesizer whose sculptures are known in closed form."""

    name, model_hash = "sculptor", "0" * 64
    device = torch.device("cpu")

    def __init__(self, field: BustField | None = None) -> None:
        self.field = field or BustField()
        self.asked: list[Condition] = []
        self.closed = False

    def synthesize(self, condition: Condition) -> Generator[Step, None, BustField]:
        self.asked.append(condition)
        try:
            for step in range(condition.steps):
                yield Step("denoising", step / condition.steps, np.full((4, 4, 3), step, np.uint8))
            return self.field
        finally:
            self.closed = True


class Nothing(BustField):
    """All outside."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        return torch.full(points.shape[:1], 0.1)


def by_kind(events: list[PipelineEvent], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


def test_a_seed_becomes_a_mesh_then_better_and_better_textures() -> None:
    sculptor = Sculptor()
    events = list(run(AvatarRequest(seed=5, preset="draft", options=SMALL), sculptor))
    assert sculptor.asked[0].seed == 5 and sculptor.asked[0].steps == 3 and sculptor.asked[0].portrait is None
    (shaped,), painted, (finished,) = (by_kind(events, kind) for kind in (Shaped, Painted, Finished))
    assert isinstance(events[-1], Finished) and events.index(shaped) < events.index(painted[0])
    assert shaped.mesh.uv is not None and len(shaped.mesh.faces) <= 1.1 * SMALL["faces"]
    assert [event.final for event in painted] == [False] * (len(painted) - 1) + [True]
    levels = [event.textures.level for event in painted]
    assert levels == sorted(levels) and painted[0].textures.size == 256 and painted[-1].textures.size == 128
    fractions = [event.fraction for event in by_kind(events, Progress)]
    assert fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] <= 1
    assert any(event.preview is not None for event in by_kind(events, Progress))
    recipe = json.loads(json.dumps(finished.recipe, allow_nan=False))
    assert recipe["seed"] == 5 and recipe["model"]["hash"] == "0" * 64 and recipe["portrait"] is None
    assert recipe["parameters"]["resolution"] == 48 and recipe["result"]["faces"] == len(shaped.mesh.faces)
    assert recipe["seconds"]["total"] >= max(recipe["seconds"].values()) - 0.01


def test_a_portrait_conditions_and_colours(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    sculptor = Sculptor()
    request = AvatarRequest(portrait=portraits["collins"], options=SMALL, job_id="j1")
    events = list(run(request, sculptor, lambda: finder))
    condition = sculptor.asked[0]
    assert condition.portrait is not None and condition.portrait.shape == (256, 256, 3)
    assert condition.matte is not None and condition.matte.shape == (256, 256)
    recipe = events[-1].recipe
    assert len(recipe["portrait"]["sha256"]) == 64 and recipe["job_id"] == "j1"
    assert any("pixels wide" in note for note in recipe["notes"])
    assert by_kind(events, Painted)[-1].final


def test_closing_ends_the_synthesizer() -> None:
    sculptor = Sculptor()
    events = run(AvatarRequest(options=SMALL), sculptor)
    while not (isinstance(event := next(events), Progress) and event.preview is not None):
        pass
    events.close()
    assert sculptor.closed


def test_a_picture_without_a_face_ends_before_sculpting(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    sculptor = Sculptor()
    with pytest.raises(PortraitError, match="not an image"):
        list(run(AvatarRequest(portrait=b"no picture", options=SMALL), sculptor, lambda: finder))
    assert not sculptor.asked


def test_a_field_without_surface_is_one_sentence() -> None:
    with pytest.raises(AvatarError, match="no surface") as refusal:
        list(run(AvatarRequest(options=SMALL), Sculptor(Nothing())))
    assert refusal.value.hint
