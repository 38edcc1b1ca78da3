# SPDX-License-Identifier: GPL-3.0-or-later
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backend.service.errors import JobError, ServiceError
from backend.service.retention import Retention
from backend.service.store import Store
from blender_addon.protocol import Failed, Finished, JobRequest, MeshReady, TextureReady, decode_event, encode

MESH = MeshReady("a", np.eye(3, dtype=np.float32), np.array([[0, 1, 2]], np.int32), np.zeros((3, 2), np.float32))


def texture(level: int, job_id: str = "a") -> TextureReady:
    return TextureReady(job_id, level, np.full((2, 2, 3), level, np.uint8))


def filled(folder: Path) -> Store:
    store = Store(folder)
    store.submit(JobRequest("a", seed=3, portrait=b"photograph"))
    for event in (MESH, texture(0), texture(1)):
        store.keep(event, encode(event))
    return store


def test_results_survive_in_order_with_the_latest_texture_only(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.finish(Finished("a", {"seed": 3}))
    store.close()
    mesh, painted, finished = (decode_event(frames) for frames in Store(tmp_path).results("a"))
    assert isinstance(mesh, MeshReady) and np.array_equal(mesh.vertices, np.eye(3))
    assert isinstance(painted, TextureReady) and painted.level == 1
    assert finished == Finished("a", {"seed": 3})


def test_the_same_request_again_is_no_new_job(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.submit(JobRequest("a", seed=3, options={"steps": 2, "faces": 900}))
    assert not store.submit(JobRequest("a", seed=3, options={"faces": 900, "steps": 2}))
    assert store.knows("a") and not store.knows("b")
    with pytest.raises(JobError, match="id"):
        store.submit(JobRequest("a", seed=4))


def test_unfinished_jobs_come_back_with_their_request(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.submit(JobRequest("b"))
    store.submit(JobRequest("A"))  # no file system may take it for "a"
    assert store.begin("a") == JobRequest("a", seed=3, portrait=b"photograph")
    store.finish(Failed("b", "cancelled", "Stopped."))
    store.close()
    store = Store(tmp_path)
    assert [(each.job_id, each.attempts) for each in store.unfinished()] == [("a", 1), ("A", 0)]
    store.postpone("a")
    assert [(each.job_id, each.attempts) for each in store.unfinished()] == [("a", 0), ("A", 0)]
    store.restart("a")
    assert store.results("a") == []


def test_the_portrait_goes_when_the_job_is_over(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert any(b"photograph" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    store.finish(Finished("a", {}))
    assert not any(b"photograph" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_nobody_else_may_look(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    inside = [tmp_path / "store", *(each for each in (tmp_path / "store").rglob("*") if each.is_dir())]
    assert all(each.stat().st_mode & 0o077 == 0 for each in inside)


def test_the_oldest_results_make_room(tmp_path: Path) -> None:
    store = Store(tmp_path, Retention(jobs=3))
    store.submit(JobRequest("waits"))
    for name in "abcde":
        store.submit(JobRequest(name))
        store.keep(texture(0, name), encode(texture(0, name)))
        store.finish(Finished(name, {}))
    assert [name for name in "abcde" if store.knows(name)] == ["c", "d", "e"]
    store.close()
    store = Store(tmp_path, Retention(size=1))
    store.finish(Failed("waits", "cancelled", "Stopped."))
    assert [name for name in ("waits", *"abcde") if store.knows(name)] == ["e"]
    assert len(list((tmp_path / "jobs").iterdir())) == 1


def test_what_is_not_over_is_never_given_up(tmp_path: Path) -> None:
    store = Store(tmp_path, Retention(jobs=1))
    for name in "abc":
        store.submit(JobRequest(name))
    store.finish(Finished("a", {}))
    store.finish(Finished("b", {}))
    assert [(each.job_id, each.preset, each.size > 0) for each in store.unfinished()] == [("c", "standard", True)]


def test_what_a_killed_server_left_is_swept_away(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.submit(JobRequest("b", portrait=b"likeness"))
    request = next(tmp_path.glob("jobs/*/MeshReady")).with_name("JobRequest")
    left = request.read_bytes()
    store.finish(Finished("a", {}))
    store.close()
    # Killed after the outcome was noted, in the middle of a texture, and before a new job was.
    request.write_bytes(left)
    request.with_name("TextureReady.part").write_bytes(b"half")
    (tmp_path / "jobs" / "of-no-job").mkdir()
    (tmp_path / "jobs" / "of-no-job" / "JobRequest").write_bytes(b"photograph")
    store = Store(tmp_path)
    held = [file.read_bytes() for file in tmp_path.glob("jobs/*/*")]
    assert not any(b"photograph" in each or each == b"half" for each in held)
    assert any(b"likeness" in each for each in held) and store.begin("b").portrait == b"likeness"
    assert [type(decode_event(frames)).__name__ for frames in store.results("a")] == [
        "MeshReady", "TextureReady", "Finished",
    ]  # fmt: skip


def test_a_queue_that_was_rearranged_stays_so(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in "abcd":
        store.submit(JobRequest(name))
    store.arrange(["c", "b"])
    with pytest.raises(ServiceError):
        store.arrange(["d", object()])  # type: ignore[list-item]
    store.submit(JobRequest("e"))
    store.close()
    store = Store(tmp_path)
    assert [(each.job_id, each.moved) for each in store.unfinished()] == [
        ("c", True), ("b", True), ("a", False), ("d", False), ("e", False),
    ]  # fmt: skip


def test_a_second_server_is_told_so_even_from_another_process(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from backend.service.store import Store; Store(Path({str(tmp_path)!r}))"
    with_lock = Store(tmp_path)
    with pytest.raises(ServiceError, match="Another backend already serves"):
        Store(tmp_path)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "Another backend already serves" in ended.stderr
    with_lock.close()
    Store(tmp_path).close()


def test_a_store_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match="cannot be opened"):
        Store(tmp_path / "file")


def test_a_lost_request_is_a_sentence(tmp_path: Path) -> None:
    store = filled(tmp_path)
    next(tmp_path.glob("jobs/*/JobRequest")).unlink()
    with pytest.raises(ServiceError, match="cannot be used"):
        store.begin("a")


def test_a_store_of_an_older_backend_is_listed_too(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "jobs.sqlite")
    old.execute(
        "CREATE TABLE jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, digest TEXT NOT NULL, "
        "created REAL NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, outcome BLOB)"
    )
    outcome = bytes(encode(Finished("old", {"seed": 3}))[0])
    old.execute("INSERT INTO jobs (id, digest, created, outcome) VALUES ('old', '', 5.0, ?)", [outcome])
    old.commit()
    old.close()
    store = Store(tmp_path)
    (row,) = store.listed(10)
    assert (row["job_id"], row["state"], row["created"], row["seconds"]) == ("old", "done", 5.0, None)
    assert store.discard("old") and not store.discard("old") and store.listed(10) == []


def test_the_list_tells_how_jobs_ended_without_their_recipes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for name in "abcd":
        store.submit(JobRequest(name))
    store.finish(Finished("a", {"seconds": {"total": 2.5}, "source": "x" * 100_000}))
    store.finish(Failed("b", "cancelled", "Stopped."))
    store.finish(Failed("c", "internal", "Broke."))
    told = {row["job_id"]: (row["state"], row["seconds"]) for row in store.listed(9)}
    assert told == {"a": ("done", 2.5), "b": ("cancelled", None), "c": ("failed", None), "d": ("queued", None)}
    assert all(len(row) == 9 and row["kind"] == "avatar" for row in store.listed(9))


def test_a_label_makes_no_other_request(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.submit(JobRequest("a", seed=3, label="Anna"))
    assert not store.submit(JobRequest("a", seed=3))
    assert store.listed(10)[0]["label"] == "Anna"


@pytest.mark.parametrize("job_id", ["..", "../../etc/passwd", "/etc/passwd", "C:\\x", "NUL", "a" * 5000, "\0", "Ä"])
def test_no_id_leads_out_of_the_store(tmp_path: Path, job_id: str) -> None:
    store = Store(tmp_path / "store")
    place = store._place(job_id)
    assert place.parent == tmp_path / "store" / "jobs" and len(place.name) == 32 and place.name.isalnum()
    store.close()
