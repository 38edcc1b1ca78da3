# SPDX-License-Identifier: GPL-3.0-or-later
import json

import pytest

from backend.adaptation.errors import AdaptationError
from backend.adaptation.plan import AdaptPlan, Distillation


def test_a_plan_survives_json() -> None:
    plan = AdaptPlan(prompt="a marble statue", keep="rest", distillation=Distillation(times=(0.2, 0.5), late=0.3))
    assert AdaptPlan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"prompt": "  "}, "sentence"), ({"prompt": "a\nb"}, "sentence"), ({"steps": 0}, "steps"),
     ({"batch": True}, "batch"), ({"batch": 1}, "two of them"), ({"keep": "hair"}, "hair"),
     ({"learning_rate": float("nan")}, "learning rate")],
)  # fmt: skip
def test_what_cannot_be_done_is_said_at_once(wrong: dict, named: str) -> None:
    with pytest.raises(AdaptationError, match=named):
        AdaptPlan(**{"prompt": "a marble statue"} | wrong)
