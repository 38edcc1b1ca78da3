# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.pipeline.presets import PRESETS
from backend.pipeline.request import LIMITS, AvatarRequest, RequestError


def test_options_replace_numbers_of_the_preset() -> None:
    request = AvatarRequest(seed=3, preset="draft", options={"steps": 2, "guidance": 1.5})
    assert request.numbers.steps == 2 and request.guidance == 1.5
    assert request.numbers.faces == PRESETS["draft"].faces


def test_defaults_leave_guidance_to_the_model() -> None:
    assert AvatarRequest().guidance is None
    assert AvatarRequest().numbers == PRESETS["standard"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"preset": "best"},
        {"seed": -1},
        {"seed": True},
        {"seed": 1.5},
        {"options": {"stepz": 3}},
        {"options": {"steps": 0}},
        {"options": {"steps": 3.5}},
        {"options": {"steps": True}},
        {"options": {"resolution": 130}},
        {"options": {"guidance": "much"}},
        {"options": {"guidance": float("nan")}},
        {"options": {"levels": 1000}},
        {"options": {"levels": [1000, 5000]}},
        {"options": {"levels": [1000, 1000.0]}},
        {"options": {"levels": [1000, 3]}},
        {"options": {"levels": list(range(5000, 3700, -100))}},
    ],
)
def test_wrong_requests_are_refused_in_one_sentence(arguments: dict) -> None:
    with pytest.raises(RequestError) as refusal:
        AvatarRequest(**arguments)
    assert refusal.value.message and "\n" not in refusal.value.message


def test_presets_lie_within_the_limits_and_grow() -> None:
    for preset in PRESETS.values():
        for name, (low, high) in LIMITS.items():
            assert name == "guidance" or low <= getattr(preset, name) <= high
    draft, standard, high_preset = PRESETS.values()
    assert draft.faces < standard.faces < high_preset.faces
