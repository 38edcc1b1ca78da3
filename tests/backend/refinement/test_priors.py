# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.refinement import priors
from backend.refinement.prior import PRIORS, PriorSettings, Wish
from backend.texture.maps import TextureSet
from tests.analytic import SphereField
from tests.backend.texture.ball import ball


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    priors._kept.cache_clear()
    monkeypatch.setitem(PRIORS, "diffuse-local", "tests.backend.refinement.priors:load")


def test_a_prior_is_loaded_once() -> None:
    first = priors.loaded_prior("diffuse-local", PriorSettings())
    assert priors.loaded_prior("diffuse-local", PriorSettings()) is first
    assert priors.loaded_prior("diffuse-local", PriorSettings(options={"memory": "low"})) is not first


def test_an_avatar_is_repainted_as_wished() -> None:
    mesh, textures = ball()
    painter = priors.loaded_prior("diffuse-local", PriorSettings())
    refine = priors.painted_by("diffuse-local")
    wish = Wish(prompt="a bald man", seed=4, strength=0.3)
    events = list(refine(SphereField(), mesh, textures, None, size=256, wish=wish))
    better = [event for event in events if isinstance(event, TextureSet)]
    assert better[-1].level > textures.level and better[-1].size == 256
    assert painter.wishes[0] == wish  # type: ignore[attr-defined]
