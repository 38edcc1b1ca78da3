# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest

from blender_addon import wording
from blender_addon.client import State
from blender_addon.jobs import JobState, Phase
from blender_addon.launcher import NO_PROGRAM
from blender_addon.protocol import ErrorCode, Welcome

RUNNING = JobState("one", phase=Phase.RUNNING, stage="sampling", fraction=0.4, remaining_seconds=12.4)


def test_a_running_job_tells_stage_and_time_left():
    assert wording.progress(RUNNING) == "Sampling, 10 s left"
    assert wording.progress(replace(RUNNING, remaining_seconds=None)) == "Sampling"
    assert wording.progress(RUNNING, ready=False) == "Waiting for the backend"


def test_a_waiting_job_tells_its_place():
    assert wording.progress(replace(RUNNING, phase=Phase.QUEUED, position=3)) == "3 jobs before this one"
    assert wording.progress(replace(RUNNING, phase=Phase.QUEUED, position=1)) == "Next in the queue"


def test_every_phase_has_words():
    assert all(wording.progress(replace(RUNNING, phase=phase)) for phase in Phase)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0, ""),
        (1, "5 s left"),
        (23, "25 s left"),
        (58, "1 min left"),
        (130, "2 min left"),
        (5400, "1.5 h left"),
    ],
)
def test_times_are_round(seconds, words):
    assert wording.remaining(seconds) == words


def test_long_sentences_break_between_words_and_lose_none():
    sentence = "No face was found in the picture; choose a photograph that shows one face from the front."
    broken = wording.lines(sentence, 30)
    assert max(map(len, broken)) <= 30 and " ".join(broken) == sentence
    assert wording.lines("", 30) == []
    assert wording.lines("see /var/log", 5) == ["see", "/var/", "log"]


def test_a_recipe_in_a_few_words():
    assert wording.made_from({"seed": 4, "portrait_sha256": None}) == "Seed 4"
    assert wording.made_from({"seed": 4, "portrait_sha256": "ab"}) == "Portrait, seed 4"
    assert wording.took({"seconds": {"sampling": 3.4, "total": 5.2}}) == "5 s"
    assert wording.took({}) == ""


EDIT = {"kind": "edit", "options": {"sentence": "add a beard"}, "notes": ["the word 'flurb' was not understood"]}


def test_recipes_of_sentences_edits_and_blends_in_a_few_words():
    said = {"seed": 4, "options": {"sentence": "a tall man"}}
    assert wording.made_from(said) == "“a tall man”, seed 4"
    assert wording.made_from(said | {"portrait": {"sha256": "ab"}}) == "Portrait, “a tall man”, seed 4"
    assert wording.made_from(EDIT) == "Edit: add a beard" and wording.made_from({"kind": "blend"}) == "Blend"
    assert [wording.is_changed(each) for each in (said, EDIT, {"kind": "blend"}, {})] == [False, True, True, False]
    assert wording.notes_of(EDIT) == ["The word 'flurb' was not understood"] and wording.notes_of({"notes": 3}) == []


def test_a_recipe_tells_which_source_of_the_panel_made_it():
    said = {"options": {"sentence": "a tall man"}}
    assert wording.source_of({}) == "SEED" and wording.source_of(said) == "SENTENCE"
    assert wording.source_of({"portrait": {"sha256": "ab"}}) == "PORTRAIT"
    assert wording.source_of(said | {"portrait": {"sha256": "ab"}}) == "MIX"
    assert wording.source_of({"options": {"weights": {"seed": 1.0}}}) == "MIX"


def test_names_end_with_a_word():
    assert wording.named("an old woman with short grey hair and green eyes") == "An old woman with short grey hair and"
    assert wording.named(" bald ") == "Bald" and wording.named("") == "Avatar"
    assert wording.shortened("x" * 99) == "x" * 30


def test_every_error_has_a_button():
    assert set(wording.REMEDIES) == {*ErrorCode, NO_PROGRAM}
    assert wording.remedy(NO_PROGRAM, ready=False).operator == "maquette.show_preferences"


def welcome(*states: str) -> Welcome:
    devices = [{"name": "cpu", "state": state, "problem": "no weights" * (state == "failed")} for state in states]
    return Welcome("1", "s", {"devices": devices}, {})


def test_the_backend_in_words():
    assert wording.backend(True, None, None)[0] == "Starting"
    assert wording.backend(False, None, None)[0] == "Not connected"
    assert wording.backend(False, State.LOST, welcome("idle"))[0] == "No answer"
    assert wording.backend(False, State.READY, welcome("busy", "idle"))[0] == "Ready"
    assert wording.backend(False, State.READY, welcome("starting"))[0] == "Loading model"
    assert wording.backend(False, State.READY, welcome("failed"))[0] == "Cannot work"
    assert all(wording.backend(False, state, None)[0] for state in State)


def test_a_device_that_cannot_work_says_why():
    assert wording.device_problems(welcome("failed", "idle")) == ["cpu: no weights"]
    assert wording.device_problems(None) == []


def test_a_disabled_button_says_why():
    assert wording.why_not(False, ("seed",), "") == "Start or connect to a backend first"
    assert wording.why_not(True, ("portrait",), "") == "Choose a portrait first"
    assert wording.why_not(True, ("portrait",), "a.jpg") == wording.why_not(True, ("seed",), "") == ""
    assert wording.why_not(True, ("sentence", "seed"), "", " ") == "Describe the person first"
    assert wording.why_not(True, ("sentence", "seed"), "", "a man") == ""
    assert wording.why_not(True, (), "") == "Give something in the mix a weight"


def test_a_backend_that_is_there_need_not_be_started():
    assert wording.remedy(ErrorCode.NOT_READY, False).operator == "maquette.start_backend"
    assert wording.remedy(ErrorCode.NOT_READY, True).operator == "maquette.generate"
    assert wording.remedy("news", True) is None


def test_a_job_that_can_be_asked_for_again_is_asked_for_by_its_own_request() -> None:
    assert wording.remedy("worker_died", ready=True).operator == "maquette.generate"
    again = wording.remedy("worker_died", ready=True, may_retry=True)
    assert again.operator == wording.RETRY and again.preset == ""
    smaller = wording.remedy("out_of_memory", ready=True, may_retry=True)
    assert smaller.operator == wording.RETRY and smaller.preset == "draft"
    asked = [wording.remedy("out_of_memory", True, True, preset).preset for preset in ("high", "standard", "draft")]
    assert asked == ["standard", "draft", ""]
    assert wording.remedy("bad_portrait", ready=True, may_retry=True).operator == "maquette.pick_portrait"
    assert wording.remedy("not_allowed", ready=False).operator == "maquette.show_preferences"


def test_devices_tell_their_memory_as_far_as_it_is_known() -> None:
    devices = [
        {"name": "cuda:0", "state": "idle", "memory": {"free": 12 << 30, "total": 16 << 30}},
        {"name": "cpu", "state": "asleep"},
        {"name": "odd", "memory": {"free": "much"}},
    ]
    welcome = Welcome("", "", {"devices": devices}, {})
    assert wording.devices(welcome) == ["cuda:0, 12.0 of 16.0 GB free", "Processor", "odd"]
    assert wording.devices(None) == []
    resting = Welcome("", "", {"devices": devices[1:2]}, {})
    assert wording.backend(False, State.READY, resting) == ("Ready, memory freed", "CHECKMARK")


def test_durations_and_rests_are_round() -> None:
    assert [wording.duration(seconds) for seconds in (0.2, 31.0, 130.0)] == ["about 5 s", "about 30 s", "about 2 min"]
    assert wording.more(3) == "and 3 more"
