#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 (the checkout is put on the path first)
"""Damaged traffic against a real backend: it must neither end, nor start a job, nor grow, nor make a mistake.

    python scripts/fuzz_wire.py --frames 1000000            # some minutes, for the night; exit status 1 if it falls

One job is done first and its messages, both ways, are what is damaged. A third of the damage meets the decoders in this
process, a third comes to the backend from strangers, a third from a client it knows. `--seed` repeats a run.
"""

import argparse
import json
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psutil
import zmq

from backend.service.link import FROM_WORKER, TO_WORKER
from blender_addon import launcher
from blender_addon.protocol import (
    Applied,
    Cancel,
    Connection,
    Discard,
    DiscardStyle,
    Fetch,
    Finished,
    Follow,
    FreeMemory,
    Goodbye,
    Hello,
    JobRequest,
    ListJobs,
    Move,
    Ping,
    Pong,
    ProtocolError,
    Refused,
    Welcome,
    decode,
    decode_event,
    encode,
)
from blender_addon.protocol.wire import EVENTS, REQUESTS

TINY = "tests.integration.tiny_runner:TinyRunner"
BATCH = 500
MAY_GROW = 16 << 20
"""Bytes of resident memory between a quarter of the way and the end: one large message may still be on its way."""
ODD_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 2**31, 2**63, 10**400, -0.0, 1e308, "", "\0", "../../etc/passwd", "\ud800", "a" * 5000,
    [], {}, [[[[[[[[[[[]]]]]]]]]]], {"": {"": {}}}, {"__class__": "os.system"}, "NaN", "protocol", "avatar",
)  # fmt: skip
Frames = list[bytes]


class Fall(Exception):
    """What must not happen, in a sentence."""


class Mutator:
    """Damage of every kind, from one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def damaged(self, frames: Sequence[bytes], others: Sequence[Sequence[bytes]]) -> Frames:
        """The message with one to four things wrong; `others` lend their parts."""
        made = list(frames)
        for _ in range(self.chance.randint(1, 4)):
            work = self.chance.choice((self._bytes, self._json, self._json, self._frames, self._splice))
            made = work(made, others)
        return made

    def _bytes(self, frames: Frames, _: Any) -> Frames:
        if not frames:
            return [self.chance.randbytes(self.chance.randint(0, 40))]
        place = self.chance.randrange(len(frames))
        content = bytearray(frames[place])
        for _ in range(self.chance.randint(1, 8)):
            at = self.chance.randint(0, len(content))
            match self.chance.randrange(5):
                case 0:
                    content[at:at] = self.chance.randbytes(self.chance.randint(1, 30))
                case 1:
                    del content[at : at + self.chance.randint(1, 30)]
                case 2:
                    content[at:at] = content[max(0, at - 20) : at]
                case 3:
                    content[at : at + 1] = self.chance.choice([b"{", b"}", b"[", b'"', b",", b":", b"\xff", b"9", b"-"])
                case _:
                    del content[at:]
        frames[place] = bytes(content)
        return frames

    def _json(self, frames: Frames, _: Any) -> Frames:
        try:
            header = json.loads(frames[0])
        except (IndexError, ValueError, RecursionError):
            return frames
        holders = list(_holders(header))
        if holders:
            holder = self.chance.choice(holders)
            key = self.chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
            if self.chance.random() < 0.2:
                del holder[key]
            elif isinstance(holder, dict) and self.chance.random() < 0.2:
                holder[self.chance.choice(("job_id", "kind", "field", "shape", "portrait", "é"))] = holder.pop(key)
            else:
                holder[key] = self.chance.choice(ODD_VALUES)
        frames[0] = json.dumps(header).encode(errors="replace")
        return frames

    def _frames(self, frames: Frames, _: Any) -> Frames:
        at = self.chance.randint(0, len(frames))
        match self.chance.randrange(5):
            case 0:
                frames[at:at] = [self.chance.randbytes(self.chance.choice((0, 1, 64, 300_000)))]
            case 1:
                del frames[at : at + 1]
            case 2:
                frames *= self.chance.choice((2, 12))
            case 3:
                self.chance.shuffle(frames)
            case _:
                frames = [b"", *frames]
        return frames

    def _splice(self, frames: Frames, others: Sequence[Sequence[bytes]]) -> Frames:
        other = list(self.chance.choice(others))
        return frames[: self.chance.randint(0, len(frames))] + other[self.chance.randint(0, len(other)) :]


def _holders(value: Any) -> Iterator[Any]:
    """Every table and list in a header that holds something."""
    if isinstance(value, (dict, list)) and value:
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _holders(inner)


class Dealer:
    """A raw socket to the backend."""

    def __init__(self, context: "zmq.Context[Any]", connection: Connection, chance: random.Random) -> None:
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.ROUTING_ID, b"\1" + chance.randbytes(15))
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDTIMEO, 10_000)
        self.socket.connect(connection.address)

    def send(self, frames: Sequence[Any]) -> None:
        try:
            self.socket.send_multipart(list(frames) or [b""])
        except zmq.Again as error:
            raise Fall("the backend takes nothing any more") from error

    def answers(self, milliseconds: int = 0) -> Iterator[Frames]:
        """What waits, after so long a wait for the first at most."""
        while self.socket.poll(milliseconds):
            milliseconds = 0
            yield self.socket.recv_multipart()

    def until(self, kind: type) -> list[Frames]:
        """Answers up to one of this kind."""
        heard: list[Frames] = []
        while self.socket.poll(10_000):
            heard.append(self.socket.recv_multipart())
            if isinstance(decode_event(heard[-1]), kind):
                return heard
        raise Fall(f"no {kind.__name__} came within 10 s")


def recorded(dealer: Dealer, connection: Connection) -> tuple[list[Frames], list[Frames]]:
    """A real session: what was said (with a wrong key, and for a job that is refused), and what was answered."""
    hello = Hello("0.1.0", connection.key, "fuzz")
    dealer.send(encode(hello))
    heard = dealer.until(Welcome)
    job = JobRequest("recorded", seed=0, portrait=b"\xff\xd8\xff" * 40, options={"steps": 2}, label="one")
    dealer.send(encode(job))
    for _ in range(3):
        dealer.send(encode(Applied(job.job_id, 100)))
    heard += dealer.until(Finished)
    dealer.send(encode(ListJobs()))
    dealer.send(encode(Discard(job.job_id)))
    dealer.send(encode(Ping()))
    heard += dealer.until(Pong)
    hopeless = JobRequest(
        "damaged",
        kind="cat",
        preset="none",
        portrait=job.portrait,
        options={"steps": 0},
        label="one",
        priority="low",
    )
    restyle = JobRequest(
        "damaged", "adapt", "none", options={"sentence": "a marble statue", "steps": 0, "name": "../x"}
    )
    said = [
        Hello("0.1.0", "0" * 64, "fuzz"), hopeless, restyle, DiscardStyle("damaged"), Follow("damaged"),
        Cancel("damaged"), Applied("damaged", 1),
        ListJobs(3), Move("damaged", 0), Discard("damaged"), FreeMemory(), Ping(), Goodbye(),
        Fetch("damaged", "0f" * 32, 1 << 18), Hello("0.1.0", "0" * 64, "fuzz", chunks=True),
    ]  # fmt: skip
    return [[bytes(frame) for frame in encode(each)] for each in said], heard


def decoders(mutator: Mutator, corpus: Sequence[Frames], count: int) -> None:
    """Every decoder answers damage by a message or a ProtocolError."""
    for _ in range(count):
        frames = mutator.damaged(mutator.chance.choice(corpus), corpus)
        for kinds in (REQUESTS, EVENTS, FROM_WORKER, TO_WORKER):
            try:
                encode(decode(frames, kinds))
            except ProtocolError as error:
                if not str(error).endswith(".") or len(str(error)) > 600:
                    raise Fall(f"no sentence: {error}") from error


class Siege:
    """Damage over sockets, batch after batch, with a look at the backend in between."""

    def __init__(self, launched: launcher.Launched, connection: Connection, mutator: Mutator) -> None:
        self.connection, self.mutator = connection, mutator
        self.process = psutil.Process(launched.process.pid)
        self.context: zmq.Context[Any] = zmq.Context()
        self.friend = Dealer(self.context, connection, mutator.chance)
        self.said, heard = recorded(self.friend, connection)
        self.corpus = [*self.said, *heard]
        self.refused = 0
        self.memory: list[int] = []

    def batch(self, count: int) -> None:
        """`count` messages from strangers and as many from a known client."""
        stranger = Dealer(self.context, self.connection, self.mutator.chance)
        self.friend.send(encode(Hello("0.1.0", self.connection.key, "fuzz")))
        for dealer in (stranger, self.friend):
            for number in range(count):
                dealer.send(self.mutator.damaged(self.mutator.chance.choice(self.said), self.said))
                if number % 16 == 0:
                    self._heed(dealer)
        stranger.send(encode(JobRequest("theft", seed=0)))  # nothing wrong with it but its sender
        self._plain_bytes()
        stranger.send(encode(Ping()))
        self._settle(stranger)
        self.friend.send(encode(Hello("0.1.0", self.connection.key, "fuzz")))
        self._settle(self.friend)
        stranger.socket.close()
        self.memory.append(self.process.memory_info().rss)

    def judge(self, store: Path) -> None:
        """Raises Fall for whatever is not as it was."""
        if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
            raise Fall("the backend has ended")
        if started := list((store / "jobs").iterdir()):
            raise Fall(f"{len(started)} jobs were started")
        quarter = len(self.memory) // 4
        if (grown := self.memory[-1] - self.memory[quarter]) > MAY_GROW:
            raise Fall(f"memory grew by {grown / (1 << 20):.0f} MB")

    def close(self) -> None:
        self.friend.socket.close()
        self.context.term()

    def _heed(self, dealer: Dealer, milliseconds: int = 0) -> None:
        """Reads what waits."""
        for frames in dealer.answers(milliseconds):
            event = decode_event(frames)
            if isinstance(event, Refused):
                self.refused += 1
                if event.code == "internal":
                    raise Fall(f"a mistake: {event.message}")

    def _settle(self, dealer: Dealer) -> None:
        """Until all that was sent is answered: the line has been quiet for a moment."""
        self._heed(dealer, 10_000)
        while dealer.socket.poll(50):
            self._heed(dealer)

    def _plain_bytes(self) -> None:
        host, port = self.connection.address.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            plain.sendall(self.mutator.chance.randbytes(self.mutator.chance.randint(1, 300)))


def fuzz(frames: int, seed: int, say: Callable[[str], None] = print) -> int:
    """Runs it all. Returns how many messages were sent or decoded; raises Fall."""
    began, done, mutator = time.monotonic(), 0, Mutator(seed)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        # The user's own models must not be what a damaged name hits.
        models = {"MAQUETTE_MODELS": str(Path(folder) / "models")}
        command = [sys.executable, "-m", "backend", "serve", "--runner", TINY, "--idle-exit", "600"]
        launched = launcher.start(command, store, device="cpu", folder=ROOT, environment=models)
        try:
            siege = Siege(launched, launched.wait(60), mutator)
            while done < frames:
                size = min(BATCH, -(-(frames - done) // 3))
                decoders(mutator, siege.corpus, size)
                siege.batch(size)
                siege.judge(store)
                done += 3 * size
                if len(siege.memory) % 20 == 0:
                    say(f"{done} messages, {siege.memory[-1] / (1 << 20):.1f} MB")
            siege.close()
        finally:
            launched.stop()
        rate = done / (time.monotonic() - began)
        say(
            f"{done} messages, {siege.refused} refused, {rate:.0f} per second, no job started; "
            f"memory {siege.memory[0] / (1 << 20):.1f} -> {siege.memory[-1] / (1 << 20):.1f} MB"
        )
    return done


def main() -> int:
    """Exit status: 0 when nothing fell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000, help="messages to send and decode")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30), help="of all damage")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    try:
        fuzz(options.frames, options.seed, lambda line: print(line, flush=True))
    except Fall as fall:
        print(f"it fell: {fall}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
