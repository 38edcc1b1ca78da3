# SPDX-License-Identifier: GPL-3.0-or-later
import dataclasses
import shutil
from pathlib import Path

from backend.claims.base import Settings
from backend.claims.people import draw, make_people


def ignore(stage: str, share: float) -> None:
    pass


def test_only_people_that_lack_are_made(settings: Settings, tmp_path: Path) -> None:
    own = dataclasses.replace(settings, cache=tmp_path)
    shutil.copytree(settings.cache / "people", tmp_path / "people")
    lacking = tmp_path / "people/00000002.npz"
    lacking.unlink()
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "people").iterdir()}
    make_people(own, ignore)
    assert {path: path.stat().st_mtime_ns for path in times} == times
    person = draw(own, 0, 4).load("00000002")
    assert person.views.rgb.shape == (2, 16, 16, 3) and len(person.held_out) == 1 and "sdf" in person.points


def test_every_seed_draws_its_own_people(settings: Settings) -> None:
    everyone = draw(settings, 0, 4).names
    assert sorted(everyone) == [f"{k:08d}" for k in range(4)]
    assert draw(settings, 0, 2).names == everyone[:2] and draw(settings, 0, 2, skip=2).names == everyone[2:]
    assert any(draw(settings, seed, 4).names != everyone for seed in range(1, 6))
