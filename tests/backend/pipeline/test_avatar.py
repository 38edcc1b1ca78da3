# SPDX-License-Identifier: GPL-3.0-or-later
import json
from collections.abc import Generator

import numpy as np
import pytest
import torch

from backend.faces.networks import FaceFinder
from backend.faces.portrait import PortraitError
from backend.pipeline import avatar
from backend.pipeline.avatar import AvatarError, run
from backend.pipeline.events import Finished, Painted, PipelineEvent, Progress, Shaped
from backend.pipeline.request import AvatarRequest
from backend.refinement import priors
from backend.refinement.prior import PRIORS, PriorError
from backend.synthesis.base import Condition, Sample
from backend.synthesis.base import Progress as Step
from backend.synthesis.inversion import STAGE as LIKENESS
from backend.synthesis.source import Source, SourceError
from tests.analytic import BustField
from tests.backend.refinement.priors import Sharpener

SMALL = {"steps": 3, "resolution": 48, "faces": 1500, "texture_size": 128}
TINY = {"steps": 2, "resolution": 32, "faces": 500, "texture_size": 64}


def source(model: str = "0123456789abcdef", seed: int = 4) -> Source:
    return Source(np.full((2, 3, 9), seed / 4, np.float16), np.ones(5, np.float16), model, seed)


class Sculptor:
    """A synthesizer whose sculptures are known in closed form."""

    name, model_hash = "sculptor", "0123456789abcdef"
    device = torch.device("cpu")

    def __init__(self, field: BustField | None = None) -> None:
        self.field = field or BustField()
        self.asked: list[Condition] = []
        self.closed = False

    def synthesize(self, condition: Condition) -> Generator[Step, None, Sample]:
        self.asked.append(condition)
        try:
            for step in range(condition.steps):
                yield Step("denoising", step / condition.steps, np.full((4, 4, 3), step, np.uint8))
            for step in range(condition.invert):
                yield Step(LIKENESS, step / condition.invert)
            notes = () if condition.sentence is None else ("the word 'flurb' was not understood",)
            return Sample(self.field, source(seed=condition.seed), notes)
        finally:
            self.closed = True


class Nothing(BustField):
    """All outside."""

    def sdf(self, points: torch.Tensor) -> torch.Tensor:
        return torch.full(points.shape[:1], 0.1)


def condition_of(request: AvatarRequest) -> Condition:
    """What a synthesizer is asked; the work ends there."""
    sculptor = Sculptor()
    events = run(request, sculptor)
    while not sculptor.asked:
        next(events)
    events.close()
    return sculptor.asked[0]


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
    assert recipe["seed"] == 5 and recipe["model"]["hash"] == sculptor.model_hash and recipe["portrait"] is None
    assert recipe["parameters"]["resolution"] == 48 and recipe["result"]["faces"] == len(shaped.mesh.faces)
    assert recipe["seconds"]["total"] >= max(recipe["seconds"].values()) - 0.01


def test_a_portrait_conditions_and_colours(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    sculptor = Sculptor()
    request = AvatarRequest(portrait=portraits["collins"], options=SMALL, job_id="j1")
    events = list(run(request, sculptor, lambda: finder))
    condition = sculptor.asked[0]
    assert condition.portrait is not None and condition.portrait.shape == (256, 256, 3)
    assert condition.matte is not None and condition.matte.shape == (256, 256)
    assert condition.pose is not None and abs(condition.pose[0]) < 0.3 and condition.pose[1] == 0
    recipe = events[-1].recipe
    assert "reproject" in recipe["parameters"]["refiners"]
    assert len(recipe["portrait"]["sha256"]) == 64 and recipe["job_id"] == "j1"
    assert any("pixels wide" in note for note in recipe["notes"])
    assert by_kind(events, Painted)[-1].final


def test_a_sentence_conditions_and_its_unknown_words_are_noted() -> None:
    sculptor = Sculptor()
    options = TINY | {"sentence": "a flurb man", "weights": {"sentence": 1, "seed": 0.5}, "temperature": 0.5}
    recipe = list(run(AvatarRequest(seed=9, preset="draft", options=options), sculptor))[-1].recipe
    condition = sculptor.asked[0]
    assert condition.sentence == "a flurb man" and condition.weights == {"sentence": 1.0, "seed": 0.5}
    assert condition.temperature == 0.5 and condition.seed == 9 and condition.invert == 0
    assert recipe["notes"] == ["the word 'flurb' was not understood"]
    assert recipe["options"]["sentence"] == "a flurb man" and recipe["kind"] == "avatar"


def test_fitting_to_the_photograph_is_a_stage_of_its_own(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    options = TINY | {"invert": 4, "sentence": "a bald man"}
    request = AvatarRequest(portrait=portraits["collins"], preset="draft", options=options)
    events = list(run(request, Sculptor(), lambda: finder))
    told = [(event.stage, event.fraction) for event in by_kind(events, Progress)]
    begun = [fraction for stage, fraction in told if stage == "fitting to the photograph"]
    assert len(begun) == 5 and begun[-1] > begun[0] and [f for _, f in told] == sorted(f for _, f in told)
    recipe = events[-1].recipe
    assert "fitting to the photograph" in recipe["seconds"]
    # Mixed with a sentence it is somebody else, whom the photograph's own pixels would not fit.
    assert recipe["parameters"]["refiners"] == ["resample"] and any("is a mix" in note for note in recipe["notes"])


def test_an_edit_starts_from_the_source_of_a_recipe_and_a_blend_from_several() -> None:
    recipe = list(run(AvatarRequest(seed=5, preset="draft", options=TINY), Sculptor()))[-1].recipe
    packed = json.loads(json.dumps(recipe))["source"]
    sculptor, options = Sculptor(), TINY | {"sentence": "add a beard", "strength": 0.7}
    edited = list(run(AvatarRequest(kind="edit", preset="draft", sources=(packed,), options=options), sculptor))[-1]
    edit = sculptor.asked[0].edit
    assert edit is not None and (edit.sentence, edit.strength, edit.source.seed) == ("add a beard", 0.7, 5)
    assert np.array_equal(edit.source.latent, source(seed=5).latent)
    assert edited.recipe["kind"] == "edit" and edited.recipe["made_from"][0]["seed"] == 5 and edited.recipe["source"]
    blend = AvatarRequest(kind="blend", sources=(packed, source(seed=8).pack()), options={"shares": [1, 3]})
    condition = condition_of(blend)
    assert [(each.seed, share) for each, share in condition.blend] == [(5, 0.25), (8, 0.75)]
    assert condition.edit is None and condition.sentence is None


def test_avatars_of_another_model_and_damaged_ones_are_told_before_any_work() -> None:
    sculptor = Sculptor()
    with pytest.raises(AvatarError, match="another model \\(feed") as refusal:
        list(run(AvatarRequest(kind="blend", sources=(source("feed").pack(),)), sculptor))
    assert "again" in refusal.value.hint
    with pytest.raises(SourceError, match="cannot be read"):
        list(run(AvatarRequest(kind="blend", sources=("AAAA",)), sculptor))
    assert not sculptor.asked


def test_views_are_repainted_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    painter = Sharpener(32, red=120)
    monkeypatch.setattr(avatar, "loaded_prior", lambda name, settings: painter)
    monkeypatch.setattr(priors, "loaded_prior", lambda name, settings: painter)
    options = TINY | {"refiners": ["resample", "diffuse-local"], "sentence": "a bald man"}
    events = list(run(AvatarRequest(seed=2, preset="draft", options=options), Sculptor()))
    painted = by_kind(events, Painted)
    assert [each.final for each in painted] == [False] * (len(painted) - 1) + [True] and len(painted) > 5
    levels = [each.textures.level for each in painted]
    assert levels == sorted(levels)
    stages = [event.stage for event in by_kind(events, Progress)]
    assert "painting views" in stages and painter.wishes[0].prompt == "a bald man" and painter.wishes[0].seed == 2
    before, after = painted[0].textures, painted[-1].textures
    red = [float(each.albedo[each.coverage][:, 0].mean()) for each in (before, after)]
    assert red[1] > red[0] + 20
    assert events[-1].recipe["parameters"]["refiners"] == ["resample", "diffuse-local"]


def test_a_missing_painter_is_told_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRIORS, "diffuse-local", "tests.backend.refinement.nowhere:load")
    priors._kept.cache_clear()  # other tests have loaded one of that name
    sculptor = Sculptor()
    with pytest.raises(PriorError, match="diffuse-local cannot be loaded"):
        list(run(AvatarRequest(options=SMALL | {"refiners": ["diffuse-local"]}), sculptor))
    assert not sculptor.asked


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


class Blurred(Sculptor):
    """As the shipped generator is called."""

    name = "rodin"


@pytest.mark.parametrize(
    ("sculptor", "options", "sharpened"),
    [(Blurred(), {}, True), (Sculptor(), {}, False), (Sculptor(), {"refiners": ["resample", "sharpen"]}, True),
     (Blurred(), {"refiners": ["resample"]}, False)],
)  # fmt: skip
def test_faces_are_sharpened_where_their_blur_is_known(sculptor: Sculptor, options: dict, sharpened: bool) -> None:
    events = list(run(AvatarRequest(seed=1, options=SMALL | options), sculptor))
    assert ("sharpen" in events[-1].recipe["parameters"]["refiners"]) == sharpened
    assert by_kind(events, Painted)[-1].final


def test_a_portrait_needs_no_sharpening(finder: FaceFinder, portraits: dict[str, bytes]) -> None:
    events = list(run(AvatarRequest(portrait=portraits["collins"], options=SMALL), Blurred(), lambda: finder))
    assert events[-1].recipe["parameters"]["refiners"] == ["resample", "reproject"]
    mixed = {"weights": {"portrait": 1, "seed": 1}}
    request = AvatarRequest(portrait=portraits["collins"], options=SMALL | mixed)
    assert list(run(request, Blurred(), lambda: finder))[-1].recipe["parameters"]["refiners"] == ["resample", "sharpen"]
