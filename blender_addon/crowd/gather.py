# SPDX-License-Identifier: GPL-3.0-or-later
"""The distinct people of a crowd, made one after the other and kept in a store; who is there is not made again."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from ..client import Client, State
from ..protocol import (
    Cancel,
    ErrorCode,
    Event,
    Failed,
    Finished,
    JobRequest,
    MeshReady,
    Progressed,
    Refused,
    TextureReady,
)
from ..requests import Wanted, job_request
from .rules import SpecError
from .spec import CrowdSpec, Detail
from .store import Person, Store, key_of

Maker = Callable[[JobRequest], Iterator[Event | None]]
"""The events of one job, the last Finished or Failed; None where nothing is new yet. Closing it cancels the job."""
LEVELS = Detail().faces
"""Levels that everyone has, whatever the specification asks for: another crowd of the same people needs no new ones."""
PATIENCE = 60.0
"""Seconds without a connection after which a backend counts as gone."""


class GatherError(Exception):
    """People who could not be made; all others are in the store. `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Told:
    """How far gathering is."""

    done: int
    """People in the store."""
    total: int
    stage: str = ""
    """Of the one who is being made."""
    within: float = 0.0
    """How far that one is, 0 to 1."""

    @property
    def fraction(self) -> float:
        """Of all people."""
        return (self.done + self.within) / self.total

    @property
    def words(self) -> str:
        """The same for people to read: "person 2 of 24: sculpting"."""
        if self.done == self.total:
            return self.stage or "everyone is there"
        return f"person {self.done + 1} of {self.total}" + (f": {self.stage}" if self.stage else "")


def requests_of(spec: CrowdSpec, capabilities: Mapping[str, Any]) -> Iterator[tuple[str, JobRequest]]:
    """A name for each distinct person ("portraits[2]") and the request that makes him, one at a time.

    Levels of detail are asked for where the backend knows of them. Raises SpecError.
    """
    if spec.worded and "sentence" not in capabilities.get("sources", ()):
        raise SpecError(
            "sentences cannot be used: this backend makes people from portraits and seeds",
            "Give seeds or portraits instead.",
        )
    _check_generator(spec, capabilities)
    options: dict[str, Any] = {"synthesizer": spec.generator} if spec.generator else {}
    if "levels" in capabilities.get("options", ()):
        options["levels"] = sorted({*spec.lod.faces, *LEVELS}, reverse=True)
    for number, source in enumerate(spec.sources):
        if spec.portraits is not None:
            name = f"portraits[{number}]"
            choice = Wanted("PORTRAIT", str(source), 0, spec.preset)
        elif spec.seeds is not None:
            name, choice = f"seeds[{number}]", Wanted("SEED", "", int(source), spec.preset)
        else:
            # The same description twice is two people.
            name, choice = (
                f"{'described' if spec.described else 'sentences'}[{number}]",
                Wanted("SENTENCE", "", number, spec.preset, str(source)),
            )
        request = job_request(choice, None, options, job_id="new")
        if isinstance(request, str):
            raise SpecError(f"{name}: {request}")
        # The backend keeps what it made under this id: after a crash on our side it is not computed again.
        levels = "".join(f"-{each}" for each in request.options.get("levels", ()) if each not in LEVELS)
        # Who waits for one avatar goes before a crowd, whoever asked for it.
        priority = "low" if "low" in capabilities.get("priorities", ()) else None
        yield name, replace(request, job_id=f"{key_of(request)}{levels}"[:64], priority=priority)


def _check_generator(spec: CrowdSpec, capabilities: Mapping[str, Any]) -> None:
    """Raises SpecError where this backend is known not to have it, or it makes nobody from what is given."""
    told = capabilities.get("synthesizer_inputs")
    if not spec.generator or not isinstance(told, Mapping):
        return
    if spec.generator not in told:
        raise SpecError(
            f"there is no generator called {spec.generator}", f"This backend has {', '.join(map(str, told))}."
        )
    kind = "sentence" if spec.worded else "portrait" if spec.portraits is not None else "seed"
    if kind not in told[spec.generator]:
        raise SpecError(
            f"{spec.generator} makes nobody from a {kind}",
            f"It makes people from {' and '.join(f'{each}s' for each in told[spec.generator])}.",
        )


def gather(
    spec: CrowdSpec, store: Store, make: Maker, capabilities: Mapping[str, Any]
) -> Generator[Told, None, list[Person]]:
    """Returns the spec's people in its order, after making those who are missing; closing it cancels the one at work.

    Who cannot be made does not keep the others from being made. Raises SpecError before any work, GatherError and
    StoreError.
    """
    people: list[Person] = []
    refused: list[tuple[str, Failed]] = []
    wanted = len(spec.sources)
    for name, request in requests_of(spec, capabilities):
        done = len(people)
        person = store.find(key_of(request), request.options.get("levels", ()))
        if person is None:
            yield Told(done, wanted, "waiting")
            made = yield from _make(request, store, make, done, wanted)
            if isinstance(made, Failed):
                if made.code == ErrorCode.NOT_READY:
                    raise GatherError(made.message, made.hint or "Run it again: finished people are kept.")
                refused.append((name, made))
                continue
            person = made
        people.append(person)
        yield Told(len(people), wanted)
    if refused:
        name, failure = refused[0]
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        raise GatherError(
            f"{name}{more} could not be made: {failure.message}",
            f"{failure.hint} Everyone else is kept; mend the specification and run it again.".strip(),
        )
    return people


def through(client: Client, pause: float = 0.25) -> Maker:
    """Lets a connected backend make people; with a pause of 0 it never waits, for a timer."""

    def make(request: JobRequest) -> Iterator[Event | None]:
        client.send(request)
        away: float | None = None
        over = False
        try:
            while not over:
                for event in client.wait(pause) if pause else client.drain():
                    if getattr(event, "job_id", None) != request.job_id:
                        continue
                    if isinstance(event, Refused):
                        event = Failed(request.job_id, event.code, event.message, event.hint)
                    over = isinstance(event, (Finished, Failed))
                    yield event
                now = time.monotonic()
                away = None if client.state is State.READY else (away or now)
                gone = client.state in (State.REFUSED, State.CLOSED) or (away is not None and now > away + PATIENCE)
                if gone and not over:
                    over = True
                    yield Failed(request.job_id, ErrorCode.NOT_READY, client.problem or "The backend does not answer.")
                yield None
        finally:
            if not over:
                client.send(Cancel(request.job_id))

    return make


def _make(
    request: JobRequest, store: Store, make: Maker, done: int, wanted: int
) -> Generator[Told, None, Person | Failed]:
    """The person in the store, or why not; what may have been an accident is tried a second time, under a new id."""
    answer: Person | Failed
    for attempt in (request, replace(request, job_id=f"{request.job_id}-again-{time.time_ns()}"[:64])):
        answer = yield from _attempt(attempt, key_of(request), store, make, done, wanted)
        if isinstance(answer, Person) or answer.code in (ErrorCode.BAD_PORTRAIT, ErrorCode.NOT_READY):
            break
    return answer


def _attempt(
    request: JobRequest, key: str, store: Store, make: Maker, done: int, wanted: int
) -> Generator[Told, None, Person | Failed]:
    shape: MeshReady | None = None
    texture: TextureReady | None = None
    told = Told(done, wanted, "waiting")
    events = make(request)
    try:
        for event in events:
            match event:
                case Progressed():
                    told = Told(done, wanted, event.stage, event.fraction)
                case MeshReady():
                    shape = event
                case TextureReady():
                    texture = event
                case Failed():
                    return event
                case Finished(recipe=recipe):
                    if shape is None or texture is None:
                        break
                    budgets = request.options.get("levels", ())
                    return (yield from _kept(store.adding(key, shape, texture, recipe, budgets), told))
            yield told
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()
    return Failed(key, ErrorCode.INTERNAL, "The backend finished without a mesh and a texture.")


def _kept(writing: Generator[None, None, Person], told: Told) -> Generator[Told, None, Person]:
    for number in count():
        try:
            next(writing)
        except StopIteration as done:
            person: Person = done.value
            return person
        # Each differs from the one before: who carries this on a timer goes on until nothing changes.
        yield replace(told, stage="writing", within=1 - 0.1 ** (1 + number / 100))
    raise AssertionError("unreachable")
