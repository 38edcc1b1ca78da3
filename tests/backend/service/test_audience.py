# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Sequence
from typing import Any

from backend.service.audience import MAX_CLIENTS, MAX_OUTBOX, Audience, Sent

ANNA, BERT = b"anna", b"bert"


class Wire:
    """What was sent to whom; can be full, and knows who is gone."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, Any]] = []
        self.full = False
        self.gone: set[bytes] = set()
        self.now = 0.0

    def __call__(self, identity: bytes, frames: Sequence[Any]) -> Sent:
        if identity in self.gone:
            return Sent.GONE
        if self.full:
            return Sent.LATER
        self.sent.append((identity, frames[0]))
        return Sent.YES

    def said(self, identity: bytes) -> list[Any]:
        return [frame for to, frame in self.sent if to == identity]


def audience(*identities: bytes) -> tuple[Audience, Wire]:
    wire = Wire()
    made = Audience(wire, lambda: wire.now)
    for identity in identities:
        made.greet(identity, identity.decode())
        made.follow(identity, "job")
    return made, wire


def texture(made: Audience, level: int, final: bool = False) -> None:
    for identity in made.followers("job"):
        made.tell_texture(identity, "job", level, [f"t{level}"], final)


def test_strangers_are_not_known_and_not_told() -> None:
    made, wire = audience(ANNA)
    assert made.hear(ANNA) and not made.hear(BERT)
    made.tell(BERT, ["x"])
    made.applied(BERT, "job", 0)
    assert wire.sent == []


def test_textures_wait_for_applied_and_only_the_latest_is_sent() -> None:
    made, wire = audience(ANNA)
    for level in range(3):
        texture(made, level)
    assert wire.said(ANNA) == ["t0"]
    made.applied(ANNA, "job", 0)
    assert wire.said(ANNA) == ["t0", "t2"]
    made.applied(ANNA, "job", 0)  # an answer to an older one gives no credit
    texture(made, 3)
    assert wire.said(ANNA) == ["t0", "t2"]
    made.applied(ANNA, "job", 2)
    assert wire.said(ANNA) == ["t0", "t2", "t3"]


def test_the_final_texture_is_sent_in_any_case() -> None:
    made, wire = audience(ANNA)
    texture(made, 0)
    texture(made, 1)
    texture(made, 2, final=True)
    made.end("job", ["done"])
    assert wire.said(ANNA) == ["t0", "t2", "done"]


def test_what_waits_at_the_end_goes_first() -> None:
    made, wire = audience(ANNA, BERT)
    texture(made, 0)
    texture(made, 1)
    made.end("job", ["failed"])
    assert wire.said(ANNA) == wire.said(BERT) == ["t0", "t1", "failed"]
    assert made.followers("job") == []


def test_a_full_socket_delays_and_keeps_order_but_drops_old_progress() -> None:
    made, wire = audience(ANNA)
    wire.full = True
    for step in range(5):
        made.tell(ANNA, [f"p{step}"], replaces="progress")
    made.tell(ANNA, ["mesh"])
    made.tell(ANNA, ["p9"], replaces="progress")
    assert made.flush() and wire.sent == []
    wire.full = False
    made.tell(ANNA, ["late"])  # does not overtake
    assert not made.flush()
    assert wire.said(ANNA) == ["mesh", "p9", "late"]


def test_who_left_is_owed_nothing() -> None:
    made, wire = audience(ANNA, BERT)
    wire.gone = {ANNA}
    made.tell(ANNA, ["x"])
    assert made.followers("job") == [BERT]
    made.forget(ANNA)
    assert not made.hear(ANNA) and made.hear(BERT)


def test_who_takes_nothing_for_long_is_forgotten() -> None:
    made, wire = audience(ANNA)
    wire.full = True
    for _ in range(MAX_OUTBOX + 1):
        made.tell(ANNA, ["x"])
    assert len(made) == 0


def test_the_silent_are_forgotten() -> None:
    made, wire = audience(ANNA, BERT)
    wire.now = 50.0
    made.hear(BERT)
    wire.now = 100.0
    made.forget_silent(60.0)
    assert made.everyone() == [BERT]


def test_there_is_an_end_to_guests() -> None:
    made, wire = audience()
    for number in range(MAX_CLIENTS + 5):
        wire.now = float(number)
        made.greet(b"guest %d" % number, "")
    assert len(made) == MAX_CLIENTS and not made.hear(b"guest 0")


def test_what_a_client_said_before_it_left_is_still_acted_on() -> None:
    made, wire = audience(b"anna")
    wire.gone.add(b"anna")
    made.tell(b"anna", [b"accepted"])
    assert made.hear(b"anna") and made.followers("job") == []
    made.follow(b"anna", "another")
    wire.gone.clear()
    wire.full = True
    made.tell(b"anna", [b"later"])
    wire.gone.add(b"anna")
    assert not made.flush()
    wire.now = 121.0
    made.forget_silent(120.0)
    assert not made.hear(b"anna")
