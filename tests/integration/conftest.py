# SPDX-License-Identifier: GPL-3.0-or-later
"""Real backends: server and worker processes of their own, a client in the test."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from blender_addon import launcher
from blender_addon.client import Client
from blender_addon.protocol import CONNECTION_NAME

ROOT = Path(__file__).parent.parent.parent
TINY = "tests.integration.tiny_runner:TinyRunner"

Start = Callable[..., launcher.Launched]
Connect = Callable[[Path], Client]


def start_backend(store: Path, *flags: str, runner: str = TINY, wait: bool = True) -> launcher.Launched:
    """`maquette serve` on this store, listening."""
    launched = launcher.start(
        [sys.executable, "-m", "backend", "serve", "--idle-exit", "120", "--runner", runner, *flags],
        store,
        device="cpu",
        folder=ROOT,
    )
    if wait:
        launched.wait(30)
    return launched


@pytest.fixture
def start() -> Iterator[Start]:
    """start_backend; what it started ends with the test."""
    with ExitStack() as stack:

        def started(store: Path, *flags: str, runner: str = TINY, wait: bool = True) -> launcher.Launched:
            launched = start_backend(store, *flags, runner=runner, wait=wait)
            stack.callback(launched.stop)
            return launched

        yield started


@pytest.fixture
def connect() -> Iterator[Connect]:
    """A client of the backend that serves a store; closed with the test."""
    with ExitStack() as stack:

        def connected(store: Path) -> Client:
            client = Client(store / CONNECTION_NAME, "test")
            stack.callback(client.close)
            client.connect(10)
            return client

        yield connected


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[launcher.Launched]:
    """One backend for tests that leave it as it was."""
    launched = start_backend(tmp_path_factory.mktemp("store"))
    yield launched
    launched.stop()
