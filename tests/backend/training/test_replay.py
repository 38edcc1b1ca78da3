# SPDX-License-Identifier: GPL-3.0-or-later
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from backend.studio.dataset import DatasetError
from backend.training.objective import ObjectiveConfig
from backend.training.photometric import PhotometricConfig
from backend.training.replay import (
    PlanesConfig,
    ReplayConfig,
    load_shared,
    memories,
    replay,
    rescaled,
    stored_planes,
    visiting_order,
)
from backend.training.replay_state import PeopleStates, load_run
from backend.training.starts import adapted_planes, encoded_planes
from backend.training.subjects import Subjects
from backend.weights import store

TINY = ReplayConfig.tiny()


def test_people_are_fitted_and_remembered(balls: Path, tmp_path: Path) -> None:
    told = []
    shared = replay(Subjects(balls), tmp_path, replace(TINY, steps=40), report=told.append)
    assert [visit.done for visit in told] == list(range(1, 9))
    assert "consolidation" not in told[3].losses and told[4].losses["consolidation"] >= 0
    assert sorted(path.name for path in (tmp_path / "people").iterdir()) == [
        f"{k:08d}_002.safetensors" for k in range(4)
    ]
    found = memories(Subjects(balls), tmp_path)
    people = [Subjects(balls).load(memory.name) for memory in found]
    blank = [-10 * float((1 - one.held_out.rgb).square().mean().log10()) for one in people]
    assert len(found) == 4 and sum(memory.then for memory in found) > sum(blank) + 12
    assert found[-1].then == pytest.approx(found[-1].now, abs=1e-4)  # the last person saw the final decoder
    mean = torch.stack([stored_planes(tmp_path, f"{k:08d}")[0] for k in range(4)]).mean(0)
    torch.testing.assert_close(shared.mean, mean)
    assert ReplayConfig.from_json(asdict(TINY)) == TINY


def test_a_killed_run_ends_as_if_it_had_not_been(balls: Path, tmp_path: Path) -> None:
    whole = replay(Subjects(balls), tmp_path / "whole", TINY)
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from backend.training.replay import ReplayConfig, replay\n"
        "from backend.training.subjects import Subjects\n"
        "replay(Subjects(Path(sys.argv[1])), Path(sys.argv[2]), ReplayConfig.tiny())\n"
    )
    out = tmp_path / "killed"
    worker = subprocess.Popen([sys.executable, "-c", code, str(balls), str(out)])
    while (state := load_run(out)) is None or state["done"] < 3:
        assert worker.poll() is None
        time.sleep(0.02)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    assert load_run(out)["done"] < 8
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    again = replay(Subjects(balls), out, TINY)
    torch.set_num_threads(threads)
    for ours, theirs in zip(again.decoder.parameters(), whole.decoder.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=1e-2)
    torch.testing.assert_close(load_shared(out).mean, again.mean)
    with pytest.raises(DatasetError, match="another configuration"):
        replay(Subjects(balls), out, replace(TINY, steps=3))
    with pytest.raises(DatasetError, match="other people"):
        replay(Subjects(balls, 2), out, TINY)
    with pytest.raises(DatasetError, match="no run of task replay"):
        load_shared(tmp_path)


def test_consolidation_holds_the_decoder(balls: Path, tmp_path: Path) -> None:
    config = replace(TINY, objective=replace(TINY.objective, supervision="points"), steps=30)
    moved = []
    for strength in (0.0, 1e6):
        folder = tmp_path / str(strength)
        replay(Subjects(balls, 2), folder, replace(config, consolidation=strength))
        state = load_run(folder)
        # After the last visit: how far the person of the last but one visit sees its decoder gone.
        name = visiting_order(Subjects(balls, 2).names, 0, 1)[1]
        person = PeopleStates(folder / "people").load(name, 2)
        assert state is not None and person.fisher["out.bias"].abs().sum() > 0
        moved.append(_distance(folder, balls, config, strength))
    assert moved[1] < 0.3 * moved[0]


def _distance(folder: Path, balls: Path, config: ReplayConfig, strength: float) -> float:
    """How much a second visit to the first person moves the decoder, weighed by what mattered to that person."""
    start, end = folder / "start", folder / "end"
    once = replace(config, consolidation=strength)
    replay(Subjects(balls, 1), start, once, minutes=0)
    before = PeopleStates(start / "people").load("00000000", 1)
    replay(Subjects(balls, 1), end, once)
    after = load_shared(end).decoder.state_dict()
    return float(sum((before.fisher[k] * (after[k] - before.decoder[k]).square()).sum() for k in after))


def test_rescaling_blurs_some_steps_and_leaves_others() -> None:
    random = torch.Generator().manual_seed(0)
    planes = torch.randn(2, 3, 2, 16, 16, generator=random)
    assert rescaled(planes, replace(TINY, rescale_share=0.0), random) is planes
    changed = rescaled(planes, replace(TINY, rescale_share=1.0, rescale_least=0.3, noise=0.0), random)
    assert changed.shape == planes.shape and changed.std() < 0.9 * planes.std()
    smooth = torch.ones(1, 3, 2, 16, 16)
    noisy = rescaled(smooth, replace(TINY, rescale_share=1.0, noise=0.01), random)
    assert 0.005 < (noisy - 1).std() < 0.02


def test_everyone_is_visited_once_a_round() -> None:
    names = [str(k) for k in range(9)]
    assert visiting_order(names, 5, 0) == names
    assert sorted(visiting_order(names, 5, 3)) == names != visiting_order(names, 5, 3)
    assert visiting_order(names, 5, 3) == visiting_order(names, 5, 3) != visiting_order(names, 5, 4)


@pytest.mark.parametrize("planes", [PlanesConfig.rodin(), PlanesConfig.rodinhd()])
def test_the_papers_sizes_take_a_step(
    balls: Path, tmp_path: Path, planes: PlanesConfig, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    objective = ObjectiveConfig(photometric=PhotometricConfig(rays=64, pool=512), points=64, surface_points=64)
    config = ReplayConfig(planes=planes, objective=objective, visits=1, steps=1, judge_every=0)
    shared = replay(Subjects(balls, 1), tmp_path, config)
    assert shared.mean.shape == (3, planes.channels, planes.resolution, planes.resolution)
    assert shared.mean.isfinite().all()
    expected = {256: 96, 512: 384}[planes.resolution]  # 3 x 32 channels, four copies of four bytes
    assert planes.megabytes == expected and f"{expected} MB" in caplog.text


def test_several_people_at_once(balls: Path, tmp_path: Path) -> None:
    told = []
    replay(Subjects(balls), tmp_path, replace(TINY, together=3, steps=5), report=told.append)
    assert [len(visit.names) for visit in told] == [3, 1, 3, 1]
    assert {name: 2 for visit in told for name in visit.names} == load_run(tmp_path)["visits"]


def test_the_shipped_networks_give_a_start_where_they_fit(balls: Path, tmp_path: Path) -> None:
    model, told = store.load_encoder(), {}
    for channels in (8, 16):
        planes = PlanesConfig(resolution=24, channels=channels)
        config = replace(TINY, planes=planes, hidden=64, visits=1, steps=1, plane_rate=1e-6, decoder_rate=1e-6)
        replay(Subjects(balls, 1), tmp_path / str(channels), config, model=model)
        told[channels] = stored_planes(tmp_path / str(channels), "00000000")[0]
    encoded = adapted_planes(encoded_planes(model, Subjects(balls).load("00000000").points), 16, 24)
    torch.testing.assert_close(told[16], encoded, atol=1e-4, rtol=0)
    assert told[8].shape == (3, 8, 24, 24)
    with pytest.raises(ValueError, match="need the shipped networks"):
        replay(Subjects(balls, 1), tmp_path / "none", replace(TINY, start="encoder"))
