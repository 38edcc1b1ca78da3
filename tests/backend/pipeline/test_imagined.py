# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path
from typing import cast

import pytest
import torch

from backend.adaptation import text_avatar
from backend.adaptation.adaptable_sdf import AdaptableSdfGan, with_case
from backend.adaptation.search import Search
from backend.adaptation.text_avatar import TextAvatar
from backend.pipeline import avatar
from backend.pipeline.adapt import StyleError
from backend.pipeline.avatar import IMAGINING
from backend.pipeline.events import Finished, Progress, Shaped
from backend.pipeline.imagined import base_of, sculptor
from backend.pipeline.request import AvatarRequest
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan
from tests.backend.adaptation.test_search import Reddest
from tests.backend.adaptation.test_text_avatar import PLAN
from tests.backend.adaptation.worlds import Ideal, small_generator

REQUEST = AvatarRequest(
    kind="imagine", preset="draft",
    options={"sentence": "a red bust", "tune": 3, "candidates": 4, "resolution": 32, "faces": 600, "texture_size": 64},
)  # fmt: skip


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path))
    torch.manual_seed(0)
    save_sdf_gan(TrainedSdfGan.build(SdfGanFileConfig.tiny()), tmp_path / "own.safetensors")
    return tmp_path


def asked(**options: object) -> AvatarRequest:
    return AvatarRequest(kind="imagine", options={"sentence": "a red bust", **options})


def test_the_generator_is_the_one_that_was_named_or_the_usual_one() -> None:
    assert base_of(asked(synthesizer="own")) == "own"
    assert base_of(asked())  # the one that ships, or the user's own
    with pytest.raises(StyleError, match="rodin cannot be bent to a sentence"):
        base_of(asked(synthesizer="rodin"))


def test_steps_and_candidates_reach_who_bends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_avatar, "load_prior", lambda name, place: Ideal())
    made = cast(TextAvatar, sculptor(asked(synthesizer="own", tune=7, candidates=9), "cpu"))
    assert (made.name, made.steps, made.looking.candidates) == ("own", 7, 9)


def test_an_imagined_head_goes_the_way_of_every_avatar() -> None:
    generator = AdaptableSdfGan(with_case(small_generator().model), "tiny", "0123456789abcdef", torch.device("cpu"))
    looking = Search(candidates=4, rounds=0, side=8, samples=6)
    bent = TextAvatar(generator, Ideal(), Reddest, steps=3, looking=looking, side=17, plan=PLAN)
    told = list(avatar.run(REQUEST, bent))
    stages = [each.stage for each in told if isinstance(each, Progress)]
    assert stages[0] == IMAGINING and any(isinstance(each, Shaped) for each in told)
    recipe = cast(Finished, told[-1]).recipe
    assert recipe["kind"] == "imagine" and recipe["model"]["name"] == "tiny" and recipe["source"]
    assert recipe["options"]["sentence"] == "a red bust" and IMAGINING in recipe["seconds"]


def test_a_material_that_is_named_is_painted_as_well() -> None:
    bronze = {"sentence": "a bronze bust with a laurel wreath"}
    assert avatar._refiners(AvatarRequest(kind="imagine", options=bronze), "heads") == ["resample", "diffuse-local"]
    assert avatar._refiners(REQUEST, "heads") == ["resample"]
    assert avatar._refiners(AvatarRequest(kind="imagine", options=bronze | {"refiners": ["resample"]}), "heads") == [
        "resample"
    ]
    assert avatar._refiners(AvatarRequest(options=bronze), "heads") == ["resample"]
