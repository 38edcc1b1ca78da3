# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.faces.networks import FaceFinder
from backend.faces.portrait import PortraitError
from backend.pipeline.events import Finished, Painted, Progress
from backend.pipeline.refine import run
from backend.pipeline.refine_request import RefineRequest
from backend.refinement import priors
from backend.refinement.prior import PRIORS, PriorError, PriorSettings
from tests.backend.refinement.priors import Sharpener
from tests.backend.texture.ball import ball


def test_progress_rises_textures_come_and_the_last_is_final() -> None:
    mesh, textures = ball()
    painter = Sharpener(48)
    request = RefineRequest(prompt=" red hair ", negative="hat", views=3, size=256, seed=5, strength=0.7, job_id="j")
    events = list(run(request, mesh, textures, find_prior=lambda name, settings: painter))
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert fractions == sorted(fractions) and fractions[-1] > 0.95
    painted = [event for event in events if isinstance(event, Painted)]
    assert [each.final for each in painted] == [False, False, False, True]
    levels = [each.textures.level for each in painted]
    assert levels == sorted(set(levels))
    assert isinstance(events[-1], Finished)
    recipe = events[-1].recipe
    assert recipe["kind"] == "refine" and recipe["refiner"] == "diffuse-local" and recipe["job_id"] == "j"
    assert recipe["parameters"]["views"] == 3 and recipe["parameters"]["strength"] == 0.7
    assert recipe["result"]["texture_size"] == 256 and "total" in recipe["seconds"]
    wish = painter.wishes[0]
    assert (wish.prompt, wish.negative, wish.seed, wish.strength) == ("red hair", "hat", 5, 0.7)


def test_a_portrait_is_laid_on_first_and_shown_to_the_painter(portraits: dict[str, bytes], finder: FaceFinder) -> None:
    mesh, textures = ball()
    painter = Sharpener(32)
    request = RefineRequest(portrait=portraits["bluford"], views=1, size=256)
    events = run(request, mesh, textures, find_faces=lambda: finder, find_prior=lambda name, settings: painter)
    first = next(event for event in events if isinstance(event, Painted))
    assert first.textures.photograph is not None and first.textures.photograph.max() > 200
    assert not painter.views, "it is visible before any view is painted"
    recipe = list(events)[-1].recipe
    assert painter.wishes[0].reference is not None and painter.wishes[0].reference.shape == (256, 256, 3)
    assert len(recipe["portrait"]["sha256"]) == 64


def test_the_portrait_alone_needs_no_painter(portraits: dict[str, bytes], finder: FaceFinder) -> None:
    mesh, textures = ball()

    def none_there(name: str, settings: PriorSettings) -> Sharpener:
        raise AssertionError("no prior is needed")

    request = RefineRequest(portrait=portraits["bluford"], refiner="reproject", size=256)
    mask = np.zeros((256, 256), np.float32)
    events = list(run(request, mesh, textures, paintable=mask, find_faces=lambda: finder, find_prior=none_there))
    painted = [event for event in events if isinstance(event, Painted)]
    assert len(painted) == 1 and painted[0].final
    assert np.array_equal(painted[0].textures.albedo[textures.coverage], textures.albedo[textures.coverage])


def test_closing_cancels_within_the_view() -> None:
    mesh, textures = ball()
    painter = Sharpener(32)
    events = run(RefineRequest(size=256), mesh, textures, find_prior=lambda name, settings: painter)
    while not painter.views:
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert painter.closed == 1


def test_what_is_missing_is_said_first(monkeypatch: pytest.MonkeyPatch, finder: FaceFinder) -> None:
    mesh, textures = ball()
    monkeypatch.setitem(PRIORS, "diffuse-local", "tests.backend.refinement.nowhere:load")
    priors._kept.cache_clear()  # other tests have loaded one of that name
    with pytest.raises(PriorError):
        list(run(RefineRequest(), mesh, textures))
    with pytest.raises(PortraitError):
        request = RefineRequest(portrait=b"no picture")
        list(run(request, mesh, textures, find_faces=lambda: finder, find_prior=lambda name, settings: Sharpener()))
