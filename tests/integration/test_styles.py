# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles by a real backend: a small GAN learns what a sentence says, is cancelled, killed, and goes on."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from backend.pipeline.adapt import SHARE
from backend.weights import library
from backend.weights.sdf_gan import SdfGanFileConfig, TrainedSdfGan, save_sdf_gan
from blender_addon.client import Client, run_job
from blender_addon.protocol import (
    Cancel,
    DiscardStyle,
    Event,
    Failed,
    Finished,
    Follow,
    JobRequest,
    MeshReady,
    Progressed,
    Refused,
    TextureReady,
)
from blender_addon.styles import styles

from .conftest import Connect, Start

ADAPTER = "tests.integration.tiny_runner:adapter"
LEARNING = "learning the style"
OPTIONS = {"sentence": "all red", "name": "red", "synthesizer": "own", "steps": 12, "side": 16,
           "resolution": 48, "faces": 600, "texture_size": 64}  # fmt: skip


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAQUETTE_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    torch.manual_seed(0)
    save_sdf_gan(TrainedSdfGan.build(SdfGanFileConfig.tiny()), tmp_path / "models" / "own.safetensors")
    return tmp_path / "models"


def wish(job_id: str, **changes: Any) -> JobRequest:
    return JobRequest(job_id, "adapt", preset="draft", options=OPTIONS | changes)


def heard_until(client: Client, done: Callable[[Event], bool], seconds: float = 180) -> list[Event]:
    told: list[Event] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for event in client.wait(0.25):
            told.append(event)
            if done(event):
                return told
    raise AssertionError(f"not within {seconds} s; heard {[type(each).__name__ for each in told]}")


def learned(events: list[Event]) -> list[Progressed]:
    return [each for each in events if isinstance(each, Progressed) and each.stage == LEARNING]


def far(fraction: float) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Progressed) and event.stage == LEARNING and event.fraction > fraction


def test_a_style_is_cancelled_goes_on_is_used_and_deleted(tmp_path: Path, start: Start, connect: Connect) -> None:
    start(tmp_path / "store", runner=ADAPTER)
    client = connect(tmp_path / "store")
    assert client.welcome is not None and "own" in client.welcome.capabilities["adaptable"]
    client.send(wish("one"))
    told = heard_until(client, far(0.3))
    assert any(each.preview is not None for each in learned(told))
    client.send(Cancel("one"))
    ended = heard_until(client, lambda event: isinstance(event, (Failed, Finished)))[-1]
    assert isinstance(ended, Failed) and ended.code == "cancelled" and "red" not in library.styles()
    again = list(run_job(client, wish("two")))
    fractions = [each.fraction for each in learned(again) if each.fraction]
    assert fractions[0] > 0.3 and isinstance(again[-1], Finished)
    kinds = [type(each) for each in again]
    assert kinds.index(MeshReady) < kinds.index(TextureReady)
    assert again[-1].recipe["style"]["prompt"] == "all red" and again[-1].recipe["options"]["synthesizer"] == "red"
    heard = [each.name for each in styles(client.welcome)]
    assert heard == ["red"]
    client.send(wish("three"))
    refused = heard_until(client, lambda event: isinstance(event, Refused))[-1]
    assert isinstance(refused, Refused) and "a generator called red already" in refused.message
    replayed = list(run_job(client, wish("two")))  # the same id asks for what is stored, whatever it is called
    assert isinstance(replayed[-1], Finished)
    client.send(DiscardStyle("red"))
    heard_until(client, lambda event: not styles(client.welcome), 20)
    assert not library.styles() and "own" in library.entries()


def test_what_a_killed_server_had_learned_is_not_lost(tmp_path: Path, start: Start, connect: Connect) -> None:
    server = start(tmp_path / "store", runner=ADAPTER)
    client = connect(tmp_path / "store")
    client.send(wish("one", steps=24))
    heard_until(client, far(SHARE * 20 / 24))  # a checkpoint is written every 20 steps
    workers = psutil.Process(server.process.pid).children()
    os.kill(server.process.pid, signal.SIGKILL)
    for worker in workers:
        worker.wait(30)  # they end with it, and save nothing more
    client.close()
    start(tmp_path / "store", runner=ADAPTER)
    other = connect(tmp_path / "store")
    rest = list(run_job(other, Follow("one")))
    assert isinstance(rest[-1], Finished) and "red" in library.styles()
    assert next((each.fraction for each in learned(rest) if each.fraction), 1.0) > SHARE * 20 / 24
