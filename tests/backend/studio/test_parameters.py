# SPDX-License-Identifier: GPL-3.0-or-later
import json

import numpy as np

from backend.studio.assets import Pack
from backend.studio.captions import describe
from backend.studio.parameters import LOGO_TOPS, UNDER_HATS, sample_parameters
from backend.studio.people import macro_weights


def test_a_seed_is_one_person(pack: Pack) -> None:
    assert sample_parameters(5, pack) == sample_parameters(5, pack)
    assert sample_parameters(5, pack) != sample_parameters(6, pack)
    json.dumps(sample_parameters(5, pack).record())


def test_people_vary_and_stay_plausible(pack: Pack) -> None:
    people = [sample_parameters(seed, pack) for seed in range(300)]
    assert 0.4 < np.mean([person.male for person in people]) < 0.6
    assert {person.beard for person in people} == {None, "stubble", "moustache", "goatee", "full"}
    assert {person.glasses for person in people} == {None, "round", "square", "oval"}
    assert not any(person.beard and not person.male for person in people)
    assert not any(person.top in LOGO_TOPS and not person.top_plain for person in people)
    assert all(person.hair in (None, *UNDER_HATS) for person in people if person.hat)
    assert all(abs(value) <= 0.9 for person in people for value in person.sliders.values())


def test_macro_weights_are_shares(pack: Pack) -> None:
    for seed in range(20):
        weights = macro_weights(sample_parameters(seed, pack))
        universal = sum(weight for name, weight in weights.items() if "/universal-" in name)
        families = sum(w for name, w in weights.items() if name.count("-") == 2 and "/" in name and "min" not in name)
        assert abs(universal - 1) < 0.01 and abs(families - 1) < 0.01
        assert all(0 <= weight <= 1 for weight in weights.values())


def test_captions_tell_what_the_parameters_say(pack: Pack) -> None:
    for seed in range(60):
        person = sample_parameters(seed, pack)
        caption = describe(person)
        assert ("glasses" in caption) == bool(person.glasses)
        assert ("beard" in caption) == (person.beard == "full")
        assert (" hat" in caption) == bool(person.hat)
        assert caption.split()[0] in ("a", "an") and "  " not in caption
