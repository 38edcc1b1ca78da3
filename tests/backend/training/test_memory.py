# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.training.memory import RESET, PeakMemory


@pytest.mark.skipif(not RESET.exists(), reason="only Linux can forget the mark of an earlier piece of work")
def test_the_peak_is_of_this_piece_of_work_alone() -> None:
    cpu, mebi = torch.device("cpu"), 2**20
    with PeakMemory(cpu) as large:
        block = torch.ones(64 * mebi // 4)
        del block
    with PeakMemory(cpu) as small:
        torch.ones(1000)
    assert 40 * mebi < large.bytes - small.bytes < 100 * mebi
