# SPDX-License-Identifier: GPL-3.0-or-later
import json
from dataclasses import replace
from pathlib import Path

import torch

from backend.cluster.both import StartOf, fit_by_replay
from backend.evaluation.fitting import fitting_report
from backend.training.recipes import Recipe
from backend.training.replay import ReplayConfig, load_shared, stored_planes
from backend.training.stage2 import Stage2Config
from backend.training.subjects import Subjects


def test_both_stages_run_and_are_reported(balls: Path, tmp_path: Path) -> None:
    stage1 = replace(ReplayConfig.tiny(), visits=1, steps=10, judge_every=1)
    recipe = Recipe(stage1, Stage2Config(objective=stage1.objective, steps=10))
    people, visited, fitted = Subjects(balls, 2), [], []
    index = fit_by_replay(people, tmp_path, recipe, visited=visited.append, fitted=fitted.append)
    assert [len(visited), len(fitted)] == [2, 2]
    report = json.loads(json.dumps(fitting_report(people, tmp_path, index)))
    assert report["people"] == 2 and report["resolution"] == 16 and report["stage1"]["change"] is not None
    assert report["stage2"]["fitted"] == 2 and report["stage2"]["psnr"] >= report["stage2"]["least_psnr"]
    assert set(report["stage2"]["people"]) == set(people.names)

    shared = load_shared(tmp_path)
    start = StartOf(tmp_path, shared.mean, frozenset(shared.people))
    assert torch.equal(start(people.load("00000001")), stored_planes(tmp_path, "00000001")[0])
    assert torch.equal(start(Subjects(balls).load("00000003")), shared.mean)  # nobody has visited this one

    fitted.clear()
    fit_by_replay(people, tmp_path, recipe, visited=visited.append, fitted=fitted.append)
    assert len(visited) == 2 and not fitted  # all was done
