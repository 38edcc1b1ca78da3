# SPDX-License-Identifier: GPL-3.0-or-later
"""Into a Ray cluster, or one of this machine, with a sentence where there is none."""

import socket
from typing import Any

KNOCK_SECONDS = 5.0


class ClusterError(Exception):
    """The workers cannot be had; `message` says why and `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def join(address: str | None, count: int = 1) -> tuple[Any, bool]:
    """The `ray` module, connected, and whether that was done here and is to be undone by `ray.shutdown()`.

    `address` as ray.init takes it; None starts a cluster of `count` processes on this machine. Raises ClusterError.
    """
    try:
        import ray
    except ImportError as error:
        sentence = "working on many machines needs Ray"
        raise ClusterError(sentence, "Install it with: pip install maquette[cluster]") from error
    if ray.is_initialized():
        return ray, False
    try:
        if address is None:
            ray.init(num_cpus=count, include_dashboard=False, log_to_driver=False)
        else:
            _knock(address)
            ray.init(address=address, log_to_driver=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"no Ray cluster answers at {address or 'this machine'} ({error})",
            "Check the address, or leave it out to start one here.",
        ) from error
    return ray, True


def _knock(address: str) -> None:
    """Raise OSError at once where nothing listens: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), timeout=KNOCK_SECONDS).close()
