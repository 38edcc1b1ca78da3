# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette serve --cluster`: jobs of the one front door are done on the machines of a Ray cluster.

To the server a place in the cluster is a worker like any other: a process here, one job at a time, killed and replaced
if it must be. That process loads `ClusterRunner`, which computes nothing; it owns one Ray actor, wherever Ray finds
room for it, and passes events on as they come. So the queue, turns, cancelling, the store and what clients see stay as
they are. An actor that dies with its machine is started again on another one; its job ends in a sentence.
"""

import json
import os
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from backend.service.errors import JobError, ServiceError
from backend.service.worker import explained, load_runner
from blender_addon.protocol import (
    ErrorCode,
    Event,
    Failed,
    Finished,
    JobRequest,
    Progressed,
    decode_event,
    decode_request,
    encode,
)

from .join import ClusterError, join

ENTRY = "backend.cluster.serve:ClusterRunner"
"""What the server's workers load."""
VARIABLE = "MAQUETTE_CLUSTER"
"""Environment variable that tells them a `Place`, as JSON."""
START_SECONDS = 300.0
"""Within which the cluster must find room for a worker and load its model."""
AHEAD = 4
"""Events that an actor may be ahead of who listens: a texture is not computed for a job that was cancelled."""

Frames = list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the work is done."""

    address: str
    """Of the cluster, as ray.init takes it."""
    runner: str
    """What the actors load, as package.module:callable."""
    device: str = "auto"
    """What they compute on; other than cpu, each takes a graphics card of the cluster, where it has any."""

    def environment(self) -> dict[str, str]:
        """What a worker process must find among its variables."""
        return {VARIABLE: json.dumps(asdict(self))}


class Actor:
    """A runner in some process of the cluster; Ray makes it."""

    def __init__(self, entry: str, device: str) -> None:
        self._runner = load_runner(entry, device)
        self._stopped: set[str] = set()

    def capabilities(self) -> dict[str, Any]:
        return dict(self._runner.capabilities)

    def run(self, frames: Frames) -> Iterator[Frames]:
        """The job's events as frames; the last is Finished or Failed, unless it was stopped."""
        request = decode_request(frames)
        assert isinstance(request, JobRequest)
        steps: Iterator[Event] = iter(())
        try:
            steps = self._runner.run(request)
            for event in steps:
                yield _plain(event)
                if request.job_id in self._stopped:
                    return
        except Exception as error:  # as a Failed it crosses machines; as an exception it would need its class there
            yield _plain(explained(error, request))
        finally:
            self._stopped.discard(request.job_id)
            if isinstance(steps, Generator):
                steps.close()

    def stop(self, job_id: str) -> None:
        """The job ends at its next step."""
        self._stopped.add(job_id)


class ClusterRunner:
    """Hands each request to its actor. Raises ServiceError where the cluster cannot be joined or has no room."""

    def __init__(self, device: str) -> None:
        place = Place(**json.loads(os.environ[VARIABLE]))
        try:
            self._ray: Any = join(place.address)[0]
        except ClusterError as error:
            raise ServiceError(error.message, error.hint) from error
        self._place = place
        self._actor: Any = None
        told = self._start()
        self.capabilities: dict[str, Any] = told | {"device": f"{device}, {told.get('device', place.device)}"}

    def _start(self) -> dict[str, Any]:
        """Makes the actor, wherever there is room, and returns what it can do. Raises ServiceError."""
        place, ray = self._place, self._ray
        cards = ray.cluster_resources().get("GPU", 0) if place.device != "cpu" else 0
        # Two at once: `stop` is heard while `run` works.
        kind = ray.remote(num_cpus=1, num_gpus=1 if cards else 0, max_restarts=0, max_concurrency=2)(Actor)
        actor = kind.remote(place.runner, place.device)
        try:
            told: dict[str, Any] = ray.get(actor.capabilities.remote(), timeout=START_SECONDS)
        except ray.exceptions.GetTimeoutError as error:
            sentence = f"The cluster at {place.address} found no room for a worker within {START_SECONDS:.0f} s."
            raise ServiceError(sentence, "Add machines to it, or serve with fewer --cluster-workers.") from error
        except ray.exceptions.RayError as error:
            cause = str(error).strip().splitlines()[-1]
            raise ServiceError(f"The worker cannot start in the cluster: {cause}"[:1000], _ALIKE) from error
        self._actor = actor
        return told

    def run(self, request: JobRequest) -> Iterator[Event]:
        """The events of one job. Raises JobError if its machine is lost, ServiceError if there is no other one."""
        if self._actor is None:
            yield Progressed(request.job_id, "starting a worker in the cluster", 0.0)
            self._start()
        actor: Any = self._actor
        method = actor.run.options(num_returns="streaming", _generator_backpressure_num_objects=AHEAD)
        ended = False
        try:
            for reference in method.remote([bytes(frame) for frame in encode(request)]):
                event = decode_event(self._ray.get(reference))
                ended = isinstance(event, (Finished, Failed))
                yield event
        except self._ray.exceptions.RayError as error:
            ended, self._actor = True, None
            raise JobError(
                ErrorCode.WORKER_DIED,
                "The machine of the cluster that made this avatar was lost.",
                "Generate once more: another machine takes it.",
            ) from error
        finally:
            if not ended:
                actor.stop.remote(request.job_id)


_ALIKE = "Every machine of the cluster needs the same Maquette installed, and its model files."


def _plain(event: Event) -> Frames:
    return [bytes(frame) for frame in encode(event)]
