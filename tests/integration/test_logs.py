# SPDX-License-Identifier: GPL-3.0-or-later
"""What real processes write down about a job, and what they never do."""

import json
import uuid
from pathlib import Path

from blender_addon.client import run_job
from blender_addon.protocol import Failed, JobRequest, read_connection

from .conftest import Connect, Start
from .tiny_runner import BROKEN

PORTRAIT = b"\xff\xd8\xff a face that is nobody's business"


def test_server_and_worker_tell_each_job_and_no_secret(start: Start, connect: Connect, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed.txt"
    allowed.write_text("# only this machine\n")
    allowed.chmod(0o600)
    store = tmp_path / "store"
    backend = start(store, "--allow", str(allowed), "--log-level", "debug")
    connection = read_connection(store / "connection.json")
    jobs = [JobRequest(uuid.uuid4().hex, seed=seed, portrait=PORTRAIT) for seed in (0, BROKEN)]
    client = connect(store)
    for job in jobs:
        ending = list(run_job(client, job))[-1]
    assert isinstance(ending, Failed)
    backend.stop()

    for name in ("server.jsonl", "worker-cpu.jsonl"):
        entries = [json.loads(line) for line in (store / name).read_text().splitlines()]
        for job in jobs:
            events = [each["event"] for each in entries if each.get("job") == job.job_id]
            assert len(events) >= 2, name
        assert {each["level"] for each in entries} <= {"debug", "info", "warning", "error"}
    (fault,) = (each for each in entries if "trace" in each)
    assert fault["job"] == jobs[1].job_id and "a plane is missing" in fault["trace"]

    assert connection.server and connection.secret
    secrets = [connection.key, connection.secret, json.loads((store / "server-keys.json").read_text())["secret"]]
    for file in store.rglob("*"):
        if file.is_file() and file.name not in ("connection.json", "server-keys.json"):
            content = file.read_bytes()
            assert not any(each.encode() in content or bytes.fromhex(each) in content for each in secrets), file
            assert PORTRAIT not in content, file
