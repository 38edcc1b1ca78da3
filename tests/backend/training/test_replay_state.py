# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.studio.dataset import DatasetError
from backend.training.replay_state import PeopleStates, PersonState, load_run, save_run


def state(visits: int) -> PersonState:
    random = torch.Generator().manual_seed(visits)
    return PersonState(torch.randn(3, 2, 4, 4, generator=random), visits, {"out.bias": torch.ones(4)},
                       {"out.bias": torch.zeros(4)}, 30.5)  # fmt: skip


def test_states_come_back_and_old_ones_go(tmp_path: Path) -> None:
    states = PeopleStates(tmp_path)
    states.save("a", state(1))
    states.save("a", state(2))
    for visits in (1, 2):
        again = states.load("a", visits)
        assert torch.equal(again.planes, state(visits).planes) and again.visits == visits and again.psnr == 30.5
        assert torch.equal(again.decoder["out.bias"], torch.ones(4)) and not again.fisher["out.bias"].any()
    assert states.visits("a") == 1 and states.visits("b") == 0
    states.forget("a", 1)
    assert states.visits("a") == 2
    states.forget("a", 1)
    with pytest.raises(DatasetError, match="missing or damaged"):
        states.load("a", 1)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_run_is_one_file(tmp_path: Path) -> None:
    assert load_run(tmp_path) is None
    save_run(tmp_path, done=3)
    save_run(tmp_path, done=4)
    assert load_run(tmp_path) == {"done": 4}
    assert len(list(tmp_path.iterdir())) == 1
