# SPDX-License-Identifier: GPL-3.0-or-later
"""The same front door with a Ray cluster behind it: two processes of this machine stand for two machines."""

import os
import signal
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.cli.frame import run_command_line
from blender_addon.client import Client, run_job
from blender_addon.protocol import Cancel, Event, Failed, Finished, JobRequest, MeshReady, Progressed, TextureReady

from .conftest import ROOT, Connect, Start
from .tiny_runner import PLAIN, SLOW, UNFIT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals are POSIX")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a cluster with room for two."""
    ray = pytest.importorskip("ray")
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    settings = {"env_vars": {"PYTHONPATH": paths}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=settings)
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


def request(seed: int = PLAIN, **fields: object) -> JobRequest:
    return JobRequest(uuid.uuid4().hex, seed=seed, **fields)  # type: ignore[arg-type]


def story(client: Client, job: JobRequest) -> list[Event]:
    return list(run_job(client, job))


def test_jobs_are_done_in_the_cluster_cancelled_there_and_lost_with_their_machine_only(
    cluster: str, start: Start, connect: Connect, tmp_path: Path
) -> None:
    backend = start(tmp_path, "--cluster", cluster)
    client = connect(tmp_path)
    events = story(client, request())
    assert [type(event) for event in events if not isinstance(event, Progressed)][1:] == [
        MeshReady, TextureReady, TextureReady, TextureReady, Finished,
    ]  # fmt: skip
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert client.welcome is not None
    (worker,) = client.welcome.capabilities["devices"]
    assert worker["name"].startswith("cluster:0, cpu") and "memory" not in worker
    there = finished.recipe["process"]
    parent = Path(f"/proc/{there}/status").read_text().split("PPid:")[1].split()[0] if sys.platform == "linux" else ""
    assert there != backend.process.pid and parent != str(backend.process.pid)

    refused = story(client, request(UNFIT))[-1]
    assert isinstance(refused, Failed) and refused.code == "bad_portrait" and refused.hint

    job, heard = request(SLOW), 0
    for event in run_job(client, job):
        heard += isinstance(event, Progressed) and event.fraction > 0
        if heard == 3:
            client.send(Cancel(job.job_id))
        last = event
    assert isinstance(last, Failed) and last.code == "cancelled" and heard < 60
    again = story(client, request())[-1]
    assert isinstance(again, Finished) and again.recipe["process"] == there

    for event in run_job(client, request(SLOW)):
        if isinstance(event, Progressed) and event.fraction > 0 and there:
            os.kill(there, signal.SIGKILL)  # what a machine that is switched off looks like
            there = 0
        last = event
    assert isinstance(last, Failed) and last.code == "worker_died"
    assert "machine of the cluster" in last.message and "another machine" in last.hint
    after = story(client, request())[-1]
    assert isinstance(after, Finished) and after.recipe["process"] != finished.recipe["process"]


def test_a_cluster_that_is_not_there_fails_jobs_with_a_sentence(
    start: Start, connect: Connect, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    start(tmp_path, "--cluster", "127.0.0.1:1")
    failed = story(connect(tmp_path), request())[-1]
    assert isinstance(failed, Failed) and failed.code == "not_ready"
    assert "no Ray cluster answers at 127.0.0.1:1" in failed.message
    assert run_command_line(["serve", "--cluster", "auto", "--cluster-workers", "0", "--store", str(tmp_path)]) == 2
    assert "at least one" in capsys.readouterr().err
