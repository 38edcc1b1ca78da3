# SPDX-License-Identifier: GPL-3.0-or-later
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.cluster.fit import ClusterError, Workers, fit_people
from backend.models.decoder import FieldDecoder
from backend.training.objective import ObjectiveConfig
from backend.training.photometric import PhotometricConfig
from backend.training.stage2 import Fitted, Stage2Config, fit_person, load_fitted
from backend.training.subjects import SubjectData, Subjects

OBJECTIVE = ObjectiveConfig(photometric=PhotometricConfig(rays=64, pool=512, beta=0.01), points=64, surface_points=64)
CONFIG = Stage2Config(objective=OBJECTIVE, steps=3, judge_every=0)


def start(_: SubjectData) -> torch.Tensor:
    return torch.full((3, 4, 8, 8), 0.1)


def hazardous(marker: Path, failing: str = "00000002") -> Callable[..., Fitted]:
    """A fit that kills its process the first time it meets one person, and can never fit another one."""
    mine = os.getpid()

    def fit(data: SubjectData, *arguments: object) -> Fitted:
        if data.name == "00000001" and not marker.exists() and os.getpid() != mine:
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if data.name == failing:
            raise ValueError("this person has no head")
        return fit_person(data, *arguments)

    return fit


def test_people_are_fitted_here_and_only_once(balls: Path, decoder: FieldDecoder, tmp_path: Path) -> None:
    people, told = Subjects(balls), []
    fit = hazardous(tmp_path / "unused")
    index = fit_people(people, decoder, start, tmp_path / "out", CONFIG, report=told.append, fit=fit)
    assert [progress.done for progress in told] == [1, 2, 3, 4]
    assert [progress.problem for progress in told] == [None, None, "this person has no head", None]
    entries = json.loads(index.read_text())
    assert list(entries) == people.names and entries["00000002"] == {"problem": "this person has no head"}
    planes, figures = load_fitted(index.parent / entries["00000003"]["file"])
    assert planes.shape == (3, 4, 8, 8) and figures["steps"] == 3

    told.clear()
    fit_people(people, decoder, start, tmp_path / "out", CONFIG, report=told.append)  # what failed is tried again
    assert [progress.name for progress in told] == ["00000002"]
    assert set(json.loads(index.read_text())["00000002"]) == {"file", "figures"}


def test_a_damaged_subject_or_result_is_that_persons_alone(balls: Path, decoder: FieldDecoder, tmp_path: Path) -> None:
    folder, out = tmp_path / "people", tmp_path / "out"
    folder.mkdir()
    for name in ("00000000", "00000001"):
        (folder / f"{name}.npz").write_bytes((balls / f"{name}.npz").read_bytes())
    (folder / "00000001.npz").write_bytes(b"torn")
    out.mkdir()
    (out / "planes_00000000.safetensors").write_bytes(b"torn")
    entries = json.loads(fit_people(Subjects(folder), decoder, start, out, CONFIG).read_text())
    assert "not a readable subject" in entries["00000001"]["problem"]
    assert load_fitted(out / entries["00000000"]["file"])[0].isfinite().all()


@pytest.mark.slow
def test_processes_give_what_one_gives(balls: Path, decoder: FieldDecoder, tmp_path: Path) -> None:
    people = Subjects(balls, limit=2)
    fit_people(people, decoder, start, tmp_path / "here", CONFIG)
    fit_people(people, decoder, start, tmp_path / "two", CONFIG, workers=Workers(kind="processes", count=2))
    for name in people.names:
        here, two = (load_fitted(tmp_path / place / f"planes_{name}.safetensors")[0] for place in ("here", "two"))
        torch.testing.assert_close(two, here, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_a_ray_cluster_survives_a_killed_worker(balls: Path, decoder: FieldDecoder, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    people, told, marker = Subjects(balls), [], tmp_path / "killed"
    workers = Workers(kind="ray", count=2)
    fit = hazardous(marker)
    index = fit_people(people, decoder, start, tmp_path / "out", CONFIG, workers=workers, report=told.append, fit=fit)
    assert marker.exists()
    problems = {progress.name: progress.problem for progress in told}
    assert problems == {"00000000": None, "00000001": None, "00000002": "this person has no head", "00000003": None}
    entries = json.loads(index.read_text())
    fitted = [name for name, entry in entries.items() if "file" in entry]
    assert fitted == ["00000000", "00000001", "00000003"]
    for name in fitted:
        assert load_fitted(index.parent / entries[name]["file"])[1]["steps"] == 3


def test_a_cluster_that_does_not_answer_is_one_sentence(balls: Path, decoder: FieldDecoder, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    workers = replace(Workers(kind="ray"), address="127.0.0.1:1")
    with pytest.raises(ClusterError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        fit_people(Subjects(balls, 1), decoder, start, tmp_path, CONFIG, workers=workers)
