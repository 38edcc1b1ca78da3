# SPDX-License-Identifier: GPL-3.0-or-later
"""A real backend for the tests in Blender, with the runner that does in milliseconds what avatars take minutes for."""

import sys
from collections.abc import Callable
from pathlib import Path

import bpy

from blender_addon import session
from blender_addon.protocol import JobRequest

ROOT = Path(__file__).parent.parent.parent
COMMAND = [sys.executable, "-m", "backend", "serve", "--runner", "tests.integration.tiny_runner:TinyRunner"]


def submit(live: session.Session, seed: int, job_id: str, **options: int) -> session.Avatar:
    return live.submit(JobRequest(job_id, seed=seed, options=options), "Avatar", bpy.context.scene.name)


def pump_until(live: session.Session, done: Callable[[], bool]) -> None:
    """Ticks as Blender's timer does, each followed by whatever `done` looks at."""
    for _ in range(400):
        if done():
            return
        live.pump()
        assert live.client is not None
        for event in live.client.wait(0.05):
            live.take(event)
    raise AssertionError("not within 20 s")
