# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from backend.claims import d5
from backend.claims.base import ClaimError, Settings
from backend.claims.d5 import (
    ARMS,
    CLAIM,
    Judged,
    Watched,
    alone,
    experiment,
    in_texture_space,
    judge,
    outcome,
    progressively,
)
from backend.refinement.prior import PRIORS, Wish
from tests.analytic import BustField
from tests.backend.refinement.priors import Moody
from tests.backend.texture.ball import ball


class Sculptor:
    """Makes busts whose colour is their position."""

    def synthesize(self, condition: object) -> Generator[None, None, SimpleNamespace]:
        yield
        return SimpleNamespace(field=BustField())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(d5, "load", Sculptor)
    monkeypatch.setattr(d5, "load_prior", lambda name: Moody(48))


def test_experiment(tmp_path: Path, small: None) -> None:
    shares: list[float] = []
    settings = Settings(pack=tmp_path, cache=tmp_path, size="tiny")
    result = experiment(settings, lambda stage, share: shares.append(share))
    assert shares == sorted(shares) and shares[-1] == 1
    assert all(len(values) == 3 for values in result.ours.values())
    assert all(value > 0 for value in result.ours["each view alone: sharpness gained"])
    assert all(sheet.ndim == 3 and sheet.dtype == np.uint8 for sheet in result.pictures.values())


def test_keeping_makes_views_agree_where_a_priors_tone_changes() -> None:
    mesh, textures = ball()
    found = {}
    for arm, make in (("progressive", progressively), ("each view alone", alone)):
        watched = Watched(Moody(48), lambda: None)
        after = make(mesh, textures, watched, Wish(strength=0.8, seed=3), 8)
        assert len(watched.pictures) >= 6
        found[arm] = judge(mesh, textures, after, watched, 8, arm)
    assert found["progressive"].disagreement < 0.8 * found["each view alone"].disagreement
    flat = Watched(Moody(128), lambda: None)
    in_space = in_texture_space(mesh, textures, flat, Wish(strength=0.8, seed=3), 8)
    assert judge(mesh, textures, in_space, flat, 8, ARMS[1]).disagreement == 0 and len(flat.pictures) == 1
    assert np.abs(in_space.albedo.astype(int) - textures.albedo)[textures.coverage].mean() > 5


def test_without_weights_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRIORS, "diffuse-local", "tests.nowhere:load")
    with pytest.raises(ClaimError, match="diffuse-local"):
        experiment(Settings(pack=tmp_path, cache=tmp_path, size="tiny"), lambda stage, share: None)


def judged(step: Judged, flat: Judged, alone: Judged) -> dict[str, list[Judged]]:
    """Three seeds that differ a little."""
    arms = zip(ARMS, (step, flat, alone), strict=True)
    return {arm: [Judged(one.charts + k / 10, one.borders, one.disagreement, one.sharpness) for k in range(3)]
            for arm, one in arms}  # fmt: skip


def test_seams_agreement_and_sharpness_decide_together() -> None:
    rows = [[np.zeros((8, 8, 3))] * 4]
    flat, alone = Judged(9.0, 0.1, 0.0, 1.2), Judged(4.0, 0.5, 8.0, 1.0)
    good = outcome(judged(Judged(3.0, 0.1, 4.0, 1.0), flat, alone), rows)
    assert good.reproduced and CLAIM.id == "D5"
    seams = outcome(judged(Judged(10.0, 0.1, 4.0, 1.0), flat, alone), rows)
    assert not seams.reproduced and "Seams are not clearly fewer" in seams.why
    apart = outcome(judged(Judged(3.0, 0.1, 9.0, 1.0), flat, alone), rows)
    assert not apart.reproduced and "do not clearly agree" in apart.why
    soft = outcome(judged(Judged(3.0, 0.1, 4.0, 0.8), flat, alone), rows)
    assert not soft.reproduced and "sharpness is lost" in soft.why
