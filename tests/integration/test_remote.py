# SPDX-License-Identifier: GPL-3.0-or-later
"""Beyond this machine, by the commands that docs/security.md names; and a network that comes and goes."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blender_addon.client import Client, State, run_job
from blender_addon.probe import Finding, Probe
from blender_addon.protocol import Connection, Event, Finished, JobRequest, Progressed, TextureReady, read_connection

from .conftest import ROOT, Start
from .tiny_runner import SLOW


class Wire:
    """A proxy to a port of this machine that can be cut and mended."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target, self._up, self._ending = target, True, False
        self.carried = 0
        """Bytes, both ways."""
        self.pause = 0.0
        """Seconds that each 64 KiB take: a slow line."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._thread = threading.Thread(target=self._carry)
        self._thread.start()

    def cut(self) -> None:
        self._up = False

    def mend(self) -> None:
        self._up = True

    def close(self) -> None:
        self._ending = True
        self._thread.join()

    def _carry(self) -> None:
        while not self._ending:
            if not self._up:
                self._drop(*self._pairs)
            for ready in select.select([self._listening, *self._pairs], [], [], 0.02)[0]:
                if ready is self._listening:
                    near, _ = self._listening.accept()
                    if self._up:
                        far = socket.create_connection(self._target)
                        self._pairs |= {near: far, far: near}
                    else:
                        near.close()
                elif ready in self._pairs:
                    with contextlib.suppress(OSError):
                        if content := ready.recv(1 << 16):
                            self.carried += len(content)
                            time.sleep(self.pause * len(content) / (1 << 16))
                            self._pairs[ready].sendall(content)
                            continue
                    self._drop(ready, self._pairs[ready])
        self._drop(*self._pairs)
        self._listening.close()

    def _drop(self, *ends: socket.socket) -> None:
        for end in ends:
            self._pairs.pop(end, None)
            end.close()


def maquette(*arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "backend", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def remote(start: Start, tmp_path: Path) -> Iterator[tuple[Wire, Path]]:
    """A backend at all addresses of this machine, behind a wire, and the file of a client that it lets in."""
    store, listed, file = tmp_path / "store", tmp_path / "clients.txt", tmp_path / "desk" / "connection.json"
    server = maquette("keys", "--store", str(store))
    listed.write_text("")
    listed.chmod(0o600)
    start(store, "--host", "0.0.0.0", "--allow", str(listed))
    port = int(read_connection(store / "connection.json").address.rsplit(":", 1)[1])
    wire = Wire(("127.0.0.1", port))
    address = f"tcp://127.0.0.1:{wire.port}"
    listed.write_text(maquette("keys", "--address", address, "--server", server, "--out", str(file)) + "\n")
    time.sleep(1.1)  # the list is looked at once a second
    yield wire, file
    wire.close()


def test_from_the_keys_to_an_avatar(remote: tuple[Wire, Path]) -> None:
    _, file = remote
    assert Probe(file, "test").wait().good
    client = Client(file, "test")
    assert isinstance(list(run_job(client, JobRequest(uuid.uuid4().hex)))[-1], Finished)
    client.close()
    connection = read_connection(file)
    plain = Connection(connection.address, read_connection(file.parent.parent / "store" / "connection.json").key)
    assert Probe(plain, "thief").wait().finding is Finding.WRONG_KEY


def test_a_network_that_comes_back_brings_what_was_done_meanwhile(
    remote: tuple[Wire, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.client.PING_SECONDS", 0.2)
    monkeypatch.setattr("blender_addon.client.SILENCE_SECONDS", 0.6)
    wire, file = remote
    client, job = Client(file, "test"), JobRequest(uuid.uuid4().hex, seed=SLOW, options={"steps": 20})
    client.send(job)
    end = time.monotonic() + 20
    while not any(isinstance(event, Progressed) and event.fraction > 0 for event in client.wait(0.1)):
        assert time.monotonic() < end
    wire.cut()
    while client.state is not State.LOST:
        client.wait(0.1)
        assert time.monotonic() < end
    assert "No Maquette backend answers" in client.problem
    wire.mend()
    assert isinstance(list(run_job(client, job))[-1], Finished)
    client.close()


def test_a_result_that_was_cut_off_goes_on_where_it_was(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.client.PING_SECONDS", 0.2)
    monkeypatch.setattr("blender_addon.client.SILENCE_SECONDS", 0.6)
    start(tmp_path, runner="tests.integration.tiny_runner:Heavy")
    local = read_connection(tmp_path / "connection.json")
    wire = Wire(("127.0.0.1", int(local.address.rsplit(":", 1)[1])))
    wire.pause = 0.02
    client = Client(replace(local, address=f"tcp://127.0.0.1:{wire.port}"), "far away", chunks=True)
    job, size, heard = JobRequest(uuid.uuid4().hex), 8 << 20, list[Event]()
    client.send(job)
    end, cuts = time.monotonic() + 60, [3 << 20, 6 << 20]
    while not any(isinstance(event, Finished) for event in heard):
        heard += client.wait(0.02)
        if cuts and wire.carried > cuts[0]:
            cuts.pop(0)
            wire.cut()
            while client.state is not State.LOST:
                client.wait(0.05)
                assert time.monotonic() < end
            wire.mend()
        assert time.monotonic() < end
    (last,) = [event for event in heard if isinstance(event, TextureReady) and event.final]
    assert last.albedo.shape == (1024, 1024, 3) and last.normal is not None
    assert np.array_equal(last.normal, last.albedo[::-1])  # all of it, and each piece in its place
    # Whole messages would have begun anew twice, and carried nearly all of it again each time.
    assert not cuts and size < wire.carried < size + (5 << 20)
    client.close()
    wire.close()


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_what_is_secret_is_its_owners_alone(remote: tuple[Wire, Path]) -> None:
    _, file = remote
    for each in (file, *(file.parent.parent / "store").glob("*.json*")):
        assert each.stat().st_mode & 0o077 == 0, each
