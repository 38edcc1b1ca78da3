# SPDX-License-Identifier: GPL-3.0-or-later
"""A real backend process with a runner that needs no model."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blender_addon.launcher import Launched, command_for, start

ROOT = Path(__file__).parents[3]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launched]:
    """The backend that the command line finds on this machine, as long as the test runs."""
    monkeypatch.setenv("MAQUETTE_STATE", str(tmp_path / "state"))
    command = [*command_for(sys.executable), "--runner", "tests.integration.tiny_runner:TinyRunner"]
    launched = start(command, tmp_path / "state", folder=ROOT)
    launched.wait(60)
    yield launched
    launched.stop()
