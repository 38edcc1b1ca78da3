# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import torch

from backend.training.check import check
from tests.backend.training.line_run import SlowLine


def test_a_step_is_taken_and_a_sample_drawn(tmp_path: Path) -> None:
    stage = SlowLine(tmp_path, 0.0)
    before, seen = stage.network.weight.clone(), []
    found = check(stage, lambda: seen.append(stage.network.training), precision="no")
    assert not torch.equal(stage.network.weight, before) and seen == [False]
    assert found.parameters == 4 and found.average_bytes == 16 and set(found.losses) == {"square"}
    assert found.step_bytes > 2**20 and found.sample_bytes > 2**20
    lines = found.lines()
    assert "0.0 million parameters on cpu, precision no" in lines[0] and "GiB" in lines[1] and "GiB" in lines[2]
