#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E402 (the checkout is put on the path first)
"""Many clients with many draft jobs each against one real backend: all finish, nobody is kept waiting for others.

    python scripts/load.py                                  # 8 clients, 50 jobs each, a runner of milliseconds
    python scripts/load.py --real --limit 3600              # the same with real avatars, each of another seed
    python scripts/load.py --real --folder load             # kept there: a run that was ended goes on where it was

Client after client sends all it wants at once. Printed: how long a job waits for its acceptance and for its end, how
even the clients were served when half of all was done (Jain, Chiu and Hawe 1984: 1 is even, 1/clients is one for
all), what a question takes while all that goes on, and the memory of server and worker at a quarter of the way and at
the end. Exit status 1 if a job did not finish, or if serving was uneven, or if either memory grew.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psutil

from blender_addon import launcher
from blender_addon.client import Client
from blender_addon.protocol import (
    CONNECTION_NAME,
    Accepted,
    Applied,
    Failed,
    Finished,
    JobRequest,
    JobsListed,
    ListJobs,
    Refused,
    TextureReady,
)

TINY, REAL = "tests.integration.tiny_runner:TinyRunner", "backend.service.translate:AvatarRunner"
EVEN = 0.9
"""Least evenness that passes."""
MAY_GROW = 16 << 20
"""Bytes of the server between a quarter of the way and the end: it holds at most some results on their way."""
WORKER_MAY_GROW = 128 << 20
"""Of a worker: its allocators keep what the largest avatar so far took."""
ASK_SECONDS = 0.5
"""Between two questions of one more client."""


@dataclass(slots=True)
class Seen:
    """What one client saw."""

    client: Client
    sent: dict[str, float] = field(default_factory=dict)
    accepted: dict[str, float] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def hear(self) -> None:
        """Takes what came."""
        for event in self.client.drain():
            job_id, now = getattr(event, "job_id", ""), time.monotonic()
            match event:
                case Accepted():
                    self.accepted.setdefault(job_id, now - self.sent[job_id])
                case TextureReady():
                    self.client.send(Applied(job_id, event.level))
                case Finished():
                    self.ended[job_id] = now
                case Failed() | Refused():
                    self.ended[job_id] = now
                    self.failures.append(f"{event.code}: {event.message}")


@dataclass(frozen=True, slots=True)
class Report:
    """What it came to; times in seconds, memory in bytes."""

    wanted: int
    done: int
    failures: tuple[str, ...]
    seconds: float
    evenness: float
    """Of the jobs per client that were done when half of those made in this run were."""
    accepted: tuple[float, ...]
    waited: tuple[float, ...]
    answered: tuple[float, ...]
    memory: tuple[int, ...]
    """Of the server over time, from the first job's end on."""
    workers: tuple[int, ...]
    """Of the largest worker, likewise."""

    def problems(self) -> list[str]:
        """What is not as it should be, one sentence each."""
        found = []
        if self.done < self.wanted:
            first = self.failures[0] if self.failures else "they did not end in time"
            found.append(f"{self.wanted - self.done} of {self.wanted} jobs did not finish: {first}")
        if self.evenness < EVEN:
            found.append(f"clients were served unevenly: {self.evenness:.2f}, wanted {EVEN}")
        if (grown := self.memory[-1] - self.memory[len(self.memory) // 4]) > MAY_GROW:
            found.append(f"the server grew by {grown / (1 << 20):.0f} MB")
        if (grown := self.workers[-1] - self.workers[len(self.workers) // 4]) > WORKER_MAY_GROW:
            found.append(f"the worker grew by {grown / (1 << 20):.0f} MB")
        return found


def load(
    clients: int,
    jobs: int,
    runner: str = TINY,
    limit: float = 600.0,
    say: Callable[[str], None] = print,
    folder: Path | None = None,
) -> Report:
    """Starts a backend, lets the clients have their jobs done, and ends it.

    In a `folder` of an earlier run of as many clients and jobs, what was done is heard of at once, by the jobs' ids.
    """
    with tempfile.TemporaryDirectory() as temporary:
        store = (folder or Path(temporary)) / "store"
        command = [sys.executable, "-m", "backend", "serve", "--idle-exit", "600", "--runner", runner]
        launched = launcher.start(command, store, device="cpu", folder=ROOT)
        crowd: list[Client] = []
        try:
            launched.wait(60)
            crowd = [Client(store / CONNECTION_NAME, f"client {number}") for number in range(clients + 1)]
            for each in crowd:
                each.connect(30)
            seeds = [0] * (clients * jobs) if runner == TINY else list(range(clients * jobs))
            return _watch(crowd, seeds, psutil.Process(launched.process.pid), limit, say)
        finally:
            for each in crowd:
                each.close()
            launched.stop()


def _watch(
    crowd: list[Client], seeds: list[int], server: psutil.Process, limit: float, say: Callable[[str], None]
) -> Report:
    *those, asker = crowd
    seen, began = [Seen(each) for each in those], time.monotonic()
    for number, each in enumerate(seen):
        for seed in seeds[number :: len(seen)]:
            job_id = f"load-{number}-{len(each.sent)}"
            request = JobRequest(job_id, preset="draft", seed=seed, label=job_id)
            each.sent[request.job_id] = time.monotonic()
            each.client.send(request)
    wanted, asked, answered = len(seeds), 0.0, list[float]()
    memory, workers, told = list[int](), list[int](), 0
    while (done := sum(len(each.ended) for each in seen)) < wanted and time.monotonic() < began + limit:
        for each in seen:
            each.hear()
        if time.monotonic() > asked + ASK_SECONDS:
            asked = time.monotonic()
            asker.send(ListJobs(1))
            if done:
                memory.append(server.memory_info().rss)
                workers.append(max((each.memory_info().rss for each in server.children()), default=0))
        if any(isinstance(event, JobsListed) for event in asker.wait(0.02)):
            answered.append(time.monotonic() - asked)
        if memory and done >= told + max(1, wanted // 20):
            told = done
            held = f"{memory[-1] / (1 << 20):.0f} + {workers[-1] / (1 << 20):.0f} MB"
            say(f"{time.monotonic() - began:5.0f} s: {done} of {wanted}; {held}")
    memory.append(server.memory_info().rss)
    workers.append(max((each.memory_info().rss for each in server.children()), default=0))
    # What an earlier run made is there at once; who it was of says nothing about turns.
    ends = sorted(
        (when, number) for number, each in enumerate(seen) for job, when in each.ended.items() if job in each.accepted
    )
    half = Counter(number for _, number in ends[: len(ends) // 2])
    shares = [half[number] for number in range(len(seen))]
    squares = len(shares) * sum(share * share for share in shares)
    return Report(
        wanted,
        sum(len(each.ended) - len(each.failures) for each in seen),
        tuple(failure for each in seen for failure in each.failures),
        time.monotonic() - began,
        sum(shares) ** 2 / squares if squares else float(not ends),
        tuple(sorted(value for each in seen for value in each.accepted.values())),
        tuple(sorted(when - each.sent[job] for each in seen for job, when in each.ended.items())),
        tuple(sorted(answered)),
        tuple(memory),
        tuple(workers),
    )


def spread(values: tuple[float, ...]) -> str:
    """Median, 95 % and largest of sorted values, in milliseconds or seconds."""
    if not values:
        return "none"
    chosen = [values[int(share * (len(values) - 1))] for share in (0.5, 0.95, 1.0)]
    unit, factor = ("s", 1.0) if chosen[-1] >= 10 else ("ms", 1000.0)
    names = ("median", "95 %", "most")
    return ", ".join(f"{name} {factor * value:.1f} {unit}" for name, value in zip(names, chosen, strict=True))


def main() -> int:
    """Exit status: 0 when all is as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=50, help="of each client, at once (64 at most)")
    parser.add_argument("--real", action="store_true", help="let real avatars be made, not a quad in milliseconds")
    parser.add_argument("--folder", type=Path, help="of a run that can be gone on with; a temporary one unless given")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds after which it is given up")
    flags = parser.parse_args()
    runner = REAL if flags.real else TINY
    report = load(flags.clients, flags.jobs, runner, flags.limit, lambda line: print(line, flush=True), flags.folder)
    print(f"{report.done} of {report.wanted} jobs finished in {report.seconds:.1f} s")
    print(f"accepted after   {spread(report.accepted)}")
    print(f"finished after   {spread(report.waited)}")
    print(f"list asked for   {spread(report.answered)}")
    print(f"evenness at half {report.evenness:.3f} of 1")
    for name, sizes in (("server", report.memory), ("worker", report.workers)):
        quarter, end, most = (size / (1 << 20) for size in (sizes[len(sizes) // 4], sizes[-1], max(sizes)))
        print(f"{name:<16} {quarter:.1f} -> {end:.1f} MB, at most {most:.1f} MB")
    for problem in report.problems():
        print(f"it falls short: {problem}", file=sys.stderr)
    return int(bool(report.problems()))


if __name__ == "__main__":
    sys.exit(main())
