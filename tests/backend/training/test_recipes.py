# SPDX-License-Identifier: GPL-3.0-or-later
from backend.training.recipes import recipe
from backend.training.replay import PlanesConfig
from backend.weights import store


def test_fits_begin_with_the_shipped_networks_where_those_fit() -> None:
    model = store.load()
    assert recipe(PlanesConfig(), model).replay.start == "encoder"
    assert recipe(PlanesConfig.rodin(), model, steps=7).alone.steps == 7
    for planes, known, supervision in ((PlanesConfig.tiny(), model, "both"), (PlanesConfig(), None, "both"),
                                       (PlanesConfig(), model, "views")):  # fmt: skip
        settings = recipe(planes, known, supervision=supervision)
        assert settings.replay.start == "mean" and settings.replay.objective.supervision == supervision
        assert settings.alone.objective == settings.replay.objective
