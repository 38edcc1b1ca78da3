# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.claims.base import Settings
from backend.claims.scenes import decibels, people_with_hair, prepare
from backend.geometry.sampling import Uniform
from backend.studio.assets import Pack
from backend.studio.parameters import sample_parameters


def test_scenes_are_other_people_from_other_sides_and_kept(settings: Settings) -> None:
    network, scenes = prepare(settings, lambda stage, share: None)
    assert len({scene.camera.cam_to_world.sum().item() for scene in scenes}) == 3
    again, repeated = prepare(settings, lambda stage, share: None)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    assert torch.equal(scenes[1].rgb, repeated[1].rgb)
    dense = scenes[0].render(Uniform(1024))
    assert decibels(scenes[0].errors(dense)) > 45
    assert not list((settings.cache / "scenes").glob("*.part"))


def test_everyone_chosen_has_hair(settings: Settings) -> None:
    pack = Pack(settings.pack)
    people = people_with_hair(settings, 40, 3)
    assert len(people) == 3 and people[0] >= 40
    assert all(sample_parameters(person, pack).hair is not None for person in people)
