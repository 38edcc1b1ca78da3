# SPDX-License-Identifier: GPL-3.0-or-later
from backend.training.recipes import recipe
from backend.training.replay import PlanesConfig
from backend.weights import store


def test_people_without_a_start_are_visited_more_often() -> None:
    model = store.load_encoder()
    usual = recipe(PlanesConfig(), model)
    assert recipe(PlanesConfig.rodin(), model, steps=7).alone.steps == 7
    for planes, known, supervision in ((PlanesConfig.tiny(), model, "both"), (PlanesConfig(), None, "both"),
                                       (PlanesConfig(), model, "views")):  # fmt: skip
        settings = recipe(planes, known, supervision=supervision)
        assert settings.replay.visits > usual.replay.visits
        assert settings.replay.objective.supervision == supervision
        assert settings.alone.objective == settings.replay.objective
