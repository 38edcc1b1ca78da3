# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.training import precision
from backend.training.precision import choose_precision


@pytest.mark.parametrize(("built_in", "chosen"), [(True, "bf16"), (False, "no")])
def test_processors_take_bfloat16_only_where_it_is_built_in(
    built_in: bool, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "use_bfloat16", lambda: built_in)
    assert choose_precision(torch.device("cpu")) == chosen
    assert choose_precision(torch.device("mps")) == "no"
