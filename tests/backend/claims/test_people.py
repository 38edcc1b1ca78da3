# SPDX-License-Identifier: GPL-3.0-or-later
from backend.claims.base import Settings
from backend.claims.people import draw, make_people


def test_people_are_made_once_and_drawn_by_seed(settings: Settings) -> None:
    make_people(settings, lambda stage, share: None)
    files = sorted((settings.cache / "people").glob("*.npz"))
    times = [path.stat().st_mtime_ns for path in files]
    make_people(settings, lambda stage, share: None)
    assert [path.stat().st_mtime_ns for path in files] == times and len(files) == 4
    everyone = draw(settings, 0, 4).names
    assert sorted(everyone) == [path.stem for path in files]
    assert draw(settings, 0, 2).names == everyone[:2] and draw(settings, 0, 2, skip=2).names == everyone[2:]
    assert any(draw(settings, seed, 4).names != everyone for seed in range(1, 6))
    person = draw(settings, 0, 1).load(everyone[0])
    assert person.views is not None and person.held_out is not None and "sdf" in person.points
