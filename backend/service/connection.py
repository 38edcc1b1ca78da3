# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing and removing the connection file; what stands in it is `blender_addon.protocol.connection`."""

import os
from pathlib import Path

from blender_addon.protocol import CONNECTION_NAME, Connection, ProtocolError, read_connection


def write_connection(store: Path, connection: Connection) -> Path:
    """Writes the file in one step, readable by its owner alone from its first byte on."""
    path = store / CONNECTION_NAME
    write_private(path, connection.to_json())
    return path


def write_private(path: Path, text: str) -> None:
    """Writes a file in one step; from its first byte on nobody but its owner can read it."""
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(fresh, path)


def remove_connection(store: Path, session: str) -> None:
    """Removes the file, unless another server has written its own meanwhile."""
    path = store / CONNECTION_NAME
    try:
        if read_connection(path).session == session:
            path.unlink()
    except ProtocolError:
        pass  # gone or damaged: not ours to remove
