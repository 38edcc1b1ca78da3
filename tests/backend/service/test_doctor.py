# SPDX-License-Identifier: GPL-3.0-or-later
"""Each check on a machine that is well and on one that is sick in one place."""

import os
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from backend.service import doctor
from backend.service.connection import write_connection
from backend.service.doctor import State
from backend.service.keys import SERVER_KEYS, server_pair
from backend.weights import checksum
from blender_addon.protocol import Connection


def test_every_complaint_has_its_remedy(tmp_path: Path) -> None:
    findings = list(doctor.examine(tmp_path, "cpu"))
    names = [each.name for each in findings]
    assert len(names) == len(set(names)) and {"device", "weights", "store", "port", "Blender"} <= set(names)
    assert all(each.sentence.endswith(".") for each in findings)
    assert all(each.remedy.endswith(".") for each in findings if each.state is State.BAD)
    assert list(tmp_path.iterdir()) == []


def test_a_check_that_breaks_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> doctor.Finding:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(doctor, "memory", broken)
    finding = next(each for each in doctor.examine(tmp_path, "cpu") if each.name == "memory")
    assert finding.state is State.BAD and "no such thing" in finding.sentence


def test_weights_are_missing_damaged_replaced_or_whole(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "evaluation").mkdir()
    default, judge = tmp_path / "weights/default.safetensors", tmp_path / "evaluation/judge.safetensors"
    assert doctor.weights(tmp_path).state is State.BAD
    default.write_bytes(b"default")
    save_file({"w": np.zeros(3, np.float32)}, judge)
    checksum.seal(tmp_path)
    assert doctor.weights(tmp_path).state is State.GOOD
    save_file({"w": np.ones(3, np.float32)}, judge)
    replaced = doctor.weights(tmp_path)
    assert replaced.state is State.NOTE and "evaluation/judge.safetensors" in replaced.sentence
    judge.write_bytes(judge.read_bytes()[:-4])
    damaged = doctor.weights(tmp_path)
    assert damaged.state is State.BAD and "judge" in damaged.sentence and "Reinstall" in damaged.remedy
    checksum.seal(tmp_path)
    default.write_bytes(b"damaged")
    assert doctor.weights(tmp_path).state is State.BAD and "default" in doctor.weights(tmp_path).sentence
    default.unlink()
    assert "Missing" in doctor.weights(tmp_path).sentence
    assert doctor.weights().state is State.GOOD


def test_models_of_the_users_own_are_listed_and_damaged_ones_named(tmp_path: Path) -> None:
    assert doctor.models(tmp_path / "none").state is State.GOOD
    (tmp_path / "heads.safetensors").write_bytes(b"no model")
    finding = doctor.models(tmp_path)
    assert finding.state is State.NOTE and "heads" in finding.sentence and str(tmp_path) in finding.remedy


def test_without_curve_nobody_comes_from_afar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zmq.has", lambda name: False)
    assert "only listen on this machine" in doctor.keys(tmp_path).sentence


def test_face_networks_that_are_not_there_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAQUETTE_CACHE", str(tmp_path))
    finding = doctor.face_networks()
    assert finding.state is State.NOTE and "maquette fetch" in finding.remedy


def test_a_folder_that_cannot_be_is_bad(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert doctor.folder("store", tmp_path / "file", private=True).state is State.BAD
    assert doctor.folder("store", tmp_path / "new" / "deep", private=True).state is State.GOOD


def test_a_full_disk_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LITTLE_DISK", 1 << 62)
    finding = doctor.folder("store", tmp_path, private=True)
    assert finding.state is State.BAD and "Free some space" in finding.remedy


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_what_others_can_read_is_named(tmp_path: Path) -> None:
    assert doctor.keys(tmp_path).state is State.GOOD
    server_pair(tmp_path)
    assert doctor.keys(tmp_path).state is State.GOOD
    (tmp_path / SERVER_KEYS).chmod(0o644)
    assert doctor.keys(tmp_path).state is State.BAD
    tmp_path.chmod(0o755)
    assert "chmod 700" in doctor.folder("store", tmp_path, private=True).remedy


def test_a_backend_that_runs_ended_or_never_was(tmp_path: Path) -> None:
    assert "None runs" in doctor.running(tmp_path).sentence
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        write_connection(tmp_path, Connection(address, "k", version="0.0.1"))
        assert "listens" in doctor.running(tmp_path).sentence and "Restart" in doctor.running(tmp_path).remedy
    finding = doctor.running(tmp_path)
    assert finding.state is State.NOTE and "nothing listens" in finding.sentence
    (tmp_path / "connection.json").write_text("{}")
    assert doctor.running(tmp_path).state is State.BAD


def test_a_port_that_is_taken_is_bad() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert doctor.port_free(listening.getsockname()[1]).state is State.BAD
    assert doctor.port_free(0).state is State.GOOD and doctor.port_free(70000).state is State.BAD


@pytest.mark.skipif(os.name != "posix", reason="the stand-in is a shell script")
@pytest.mark.parametrize(
    ("says", "state"), [("Blender 4.5.1 LTS", State.GOOD), ("Blender 3.6.0", State.BAD), ("hm", State.NOTE)]
)
def test_blender_is_asked_for_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, state: State
) -> None:
    program = tmp_path / "blender"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.blender().state is state
    program.unlink()
    monkeypatch.setattr(doctor, "BLENDERS", ())
    assert "Not found" in doctor.blender().sentence


def test_a_card_that_is_wished_but_absent_is_bad() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a card")
    assert doctor.device_of("cuda").state is State.BAD and "--device cpu" in doctor.device_of("cuda").remedy
    assert doctor.device_of("gpu").state is State.BAD and "cuda:N" in doctor.device_of("gpu").remedy
    assert doctor.device_of("cpu").state is State.GOOD and doctor.device_of("auto").state is State.NOTE


def test_versions_and_extras_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"Python {sys.version_info[0]}." in doctor.versions().sentence
    monkeypatch.setattr(doctor, "NEEDED", ("numpy", "no-such-distribution"))
    assert doctor.versions().state is State.BAD and "no-such-distribution" in doctor.versions().sentence
    monkeypatch.setattr(doctor, "EXTRAS", {"x": (("numpy",), "count"), "y": (("no-such-distribution",), "fly")})
    assert doctor.extra("x").state is State.GOOD
    assert doctor.extra("y").state is State.NOTE and "maquette[y]" in doctor.extra("y").remedy
