# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from blender_addon import shelf
from blender_addon.protocol import JobsListed, Welcome

ENTRY = {"job_id": "a", "label": "Anna", "preset": "draft", "seed": 3, "state": "done", "created": 5, "seconds": 7.5}
WELCOME = Welcome(
    "0.1.0",
    "s",
    {"requests": ["ListJobs"], "preset_numbers": {"draft": {"steps": 8, "faces": 8000, "texture_size": 512}}},
    {},
)


def test_rows_are_what_the_backend_said() -> None:
    (row,) = shelf.rows(JobsListed({"jobs": [ENTRY]}))
    assert row == shelf.Stored("a", "Anna", "draft", "done", 5.0, 7.5) and not row.under_way
    (row,) = shelf.rows(JobsListed({"jobs": [ENTRY | {"kind": "adapt"}]}))
    assert row.kind == "adapt"
    (row,) = shelf.rows(JobsListed({"jobs": [ENTRY | {"label": "", "state": "queued", "seconds": None}]}))
    assert row.name == "Avatar 3" and row.under_way and row.seconds is None


@pytest.mark.parametrize("jobs", [{}, {"jobs": 3}, {"jobs": [3, {}, {"job_id": "a"}, ENTRY | {"state": 1}]}])
def test_what_says_nothing_usable_is_left_out(jobs: dict) -> None:
    assert shelf.rows(JobsListed(jobs)) == []


def test_a_preset_is_told_in_numbers_as_far_as_the_backend_tells() -> None:
    assert shelf.preset_words(WELCOME, "draft") == ["512 x 512 texels", "8,000 faces", "8 steps"]
    assert shelf.preset_words(WELCOME, "high") == [] and shelf.preset_words(None, "draft") == []
    assert shelf.preset_words(Welcome("", "", {"preset_numbers": {"draft": 3}}, {}), "draft") == []


def test_requests_are_those_that_were_named() -> None:
    assert shelf.takes(WELCOME, "ListJobs") and not shelf.takes(WELCOME, "Move")
    assert not shelf.takes(None, "ListJobs") and not shelf.takes(Welcome("", "", {}, {}), "ListJobs")


def test_the_last_jobs_tell_how_long_the_next_takes() -> None:
    stored = [shelf.Stored("a", "", "draft", "done", 0, seconds) for seconds in (9.0, 1.0, 5.0, None, 100.0)]
    assert shelf.expected_seconds(stored, "draft") == 9.0
    assert shelf.expected_seconds(stored, "high") is None
    slow = [shelf.Stored("s", "", "draft", "done", 0, 600.0, kind) for kind in ("adapt", "imagine", "refine")]
    assert shelf.expected_seconds([*slow, *stored], "draft") == 9.0
    assert shelf.expected_seconds([*slow, *stored], "high", "adapt") == 600.0
    assert shelf.expected_seconds(stored, "draft", "adapt") is None


def test_ages_are_round() -> None:
    said = [shelf.age(1000.0, 1000.0 + seconds) for seconds in (-5, 30, 90, 7200, 200_000)]
    assert said == ["just now", "just now", "2 min ago", "2 h ago", "2 d ago"]
