# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette serve`: the backend that Blender and other programs connect to."""

import logging
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Literal

from .frame import Complaint


@dataclass(frozen=True, kw_only=True)
class Flags:
    """Start the backend that Blender and `maquette generate` connect to; it listens on this machine only, unless
    --allow says who else may come."""

    device: tuple[str, ...] = ("auto",)
    """Where to compute: auto, cpu, cuda, or cuda:1; auto takes the graphics card where there is one. Several make one
    worker process each, that do several jobs at once; a device named twice gets two."""
    host: str = "127.0.0.1"
    """Address to listen at; other than loopback only with --allow."""
    port: int = 0
    """Port to listen at; 0 lets the system choose, clients read it from the connection file."""
    allow: Path | None = None
    """File with the public keys of the clients that may come in, one per line; the line is then encrypted. See
    `maquette keys`."""
    cluster: str | None = None
    """Address of a Ray cluster that does the work, as ray.init takes it ("auto": the one of this machine); clients see
    no difference. --device is then what its machines compute on."""
    cluster_workers: int = 1
    """Jobs that the cluster does at once."""
    store: Path | None = None
    """Folder of the connection file, jobs, results and logs; by default in the user's state folder."""
    idle_exit: float | None = None
    """End after so many seconds without jobs and without clients."""
    idle_unload: float | None = None
    """Give back the device's memory after so many seconds without jobs; the next job loads the model again."""
    grace: float = 10.0
    """Seconds that a cancelled job gets before its worker process is ended."""
    patience: float = 300.0
    """Seconds without a sign of life after which a worker process is ended and started again."""
    memory_limit: float | None = None
    """GB that each worker process may take; a job that wants more fails with what to choose instead. Linux only."""
    keep_jobs: int = 500
    """Finished jobs that are kept for who fetches them later; who made most gives up his oldest first."""
    keep_gb: float = 4.0
    """GB of their results."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least weight of what goes into the store's logs, one JSON object per line."""
    runner: str = "backend.service.translate:AvatarRunner"
    """What makes the results, as package.module:callable; for tests and experiments."""


def run(flags: Flags) -> None:
    """Serves until interrupted, terminated or idle."""
    from backend.service.logs import SERVER_LOG, logged
    from backend.service.retention import Retention
    from backend.service.server import Server, ServerSettings
    from blender_addon.protocol import default_store

    logging.getLogger("backend").setLevel(logging.INFO)
    devices, runner = flags.device, flags.runner
    if flags.cluster is not None:
        from backend.cluster.serve import ENTRY, Place

        if len(devices) > 1 or flags.cluster_workers < 1:
            raise Complaint("a cluster takes one --device and at least one of --cluster-workers")
        os.environ.update(Place(address=flags.cluster, runner=runner, device=devices[0]).environment())
        devices, runner = tuple(f"cluster:{number}" for number in range(flags.cluster_workers)), ENTRY
    store = flags.store or default_store()
    server = Server(
        ServerSettings(
            store=store,
            devices=devices,
            host=flags.host,
            port=flags.port,
            allow=flags.allow,
            idle_exit=flags.idle_exit,
            runner=runner,
            idle_unload=flags.idle_unload,
            grace=flags.grace,
            log_level=flags.log_level,
            patience=flags.patience,
            memory_limit=flags.memory_limit,
            retention=Retention(jobs=flags.keep_jobs, size=int(flags.keep_gb * (1 << 30))),
        )
    )

    def stop(number: int, frame: FrameType | None) -> None:
        server.stop()

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)
    with logged(store / SERVER_LOG, flags.log_level) as file:
        file.lines.hide(*server.secrets)
        server.run()
