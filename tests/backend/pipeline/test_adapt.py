# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from backend.adaptation.prior import PicturePrior, PriorPlace
from backend.pipeline.adapt import LEARNING, RUNS, SHARE, StyleError, run
from backend.pipeline.adapt_request import AdaptRequest
from backend.pipeline.events import Finished, Painted, PipelineEvent, Progress, Shaped
from backend.weights import library
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan
from tests.backend.adaptation.worlds import Ideal

REQUEST = AdaptRequest(sentence="all red", name="red", steps=3, side=16, preset="draft", job_id="job",
                       head={"resolution": 48, "faces": 800, "texture_size": 64})  # fmt: skip


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    torch.manual_seed(0)
    save_sdf_gan(TrainedSdfGan.build(SdfGanFileConfig.tiny()), tmp_path / "own.safetensors")
    return tmp_path


def ideal(name: str, place: PriorPlace) -> PicturePrior:
    assert name == "studio" and place.device == "cpu"
    return Ideal()


def learned(request: AdaptRequest, steps: int | None = None) -> list[Progress]:
    """What is said until the style is in the library, or until so many steps; then the job is closed."""
    told: list[Progress] = []
    events = cast(Any, run(replace(request, model=request.model or "own"), "cpu", find_prior=ideal))
    for event in events:
        if event.stage != LEARNING or (steps is not None and len(told) > steps):
            break
        told.append(event)
    events.close()
    return told


def test_a_style_is_learned_and_kept_and_then_makes_a_first_head(models: Path) -> None:
    learning = learned(REQUEST)
    assert len(learning) == 4 and learning[-1].fraction == pytest.approx(SHARE)
    assert any(each.preview is not None for each in learning)
    entry = library.styles()["red"]
    assert entry.recipe is not None and entry.recipe["model"] == "own" and entry.recipe["job_id"] == "job"
    assert not [each for each in (models / RUNS).iterdir() if each.is_dir()]
    # As if the server had been killed there: the same job begins anew, and has only the head to make.
    before = (models / "red.safetensors").stat().st_mtime_ns
    told: list[PipelineEvent] = list(run(replace(REQUEST, model="own"), "cpu", find_prior=ideal))
    kinds = [type(each) for each in told]
    assert kinds.index(Progress) < kinds.index(Shaped) < kinds.index(Painted) and kinds[-1] is Finished
    fractions = [each.fraction for each in told if isinstance(each, Progress)]
    assert fractions == sorted(fractions) and fractions[0] == pytest.approx(SHARE)
    assert (models / "red.safetensors").stat().st_mtime_ns == before
    recipe = cast(Finished, told[-1]).recipe
    assert recipe["kind"] == "avatar" and recipe["options"]["synthesizer"] == "red"
    assert recipe["style"]["name"] == "red" and recipe["style"]["prompt"] == "all red"


def test_the_time_of_a_style_is_that_of_learning_too() -> None:
    *_, last = run(replace(REQUEST, model="own"), "cpu", find_prior=ideal)
    seconds = cast(Finished, last).recipe["seconds"]
    assert seconds[LEARNING] > 0 and seconds["total"] >= seconds[LEARNING]
    assert seconds["total"] >= sum(each for name, each in seconds.items() if name != "total") - 0.05


def test_what_was_cancelled_goes_on_where_it_was() -> None:
    assert len(learned(replace(REQUEST, steps=4), steps=2)) == 3  # it entered, and took two steps
    assert "red" not in library.entries()
    # Another job, under another name, that wants the same; one step was taken while it was told to stop.
    again = learned(replace(REQUEST, steps=4, name="crimson", job_id="another"))
    assert len(again) == 2 and "crimson" in library.styles()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "own"}, "called own already"),
        ({"name": "rodin"}, "called rodin already"),
        ({"name": "heads"}, "heads"),
        ({"model": "rodin"}, "rodin cannot be changed by a sentence"),
    ],
)
def test_no_generator_is_replaced_and_not_every_one_changed(changes: dict[str, Any], words: str) -> None:
    with pytest.raises((StyleError, library.LibraryError), match=words):
        learned(replace(REQUEST, **changes))


def test_a_name_is_found_where_none_was_given_and_styles_are_made_of_styles() -> None:
    learned(replace(REQUEST, name="", steps=1))
    assert "all-red" in library.styles()
    with pytest.raises(StyleError, match="called all-red already"):
        learned(replace(REQUEST, name="all-red", job_id="another"))
    learned(replace(REQUEST, model="all-red", name="redder", steps=1, job_id="2"))
    entry = library.styles()["redder"]
    assert entry.recipe is not None and entry.recipe["model"] == "all-red"
