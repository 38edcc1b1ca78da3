# SPDX-License-Identifier: GPL-3.0-or-later
"""Stored results in pieces, for clients that fetch them: named by digest, read from disk where the client asks.

Nothing is held in memory but names: a result of a hundred megabytes costs a client that stopped in its middle nothing
here, and it goes on whenever it comes back, for as long as the store keeps the job.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from blender_addon.protocol import Chunk, Fetch, MeshReady, Stored, TextureReady, encode, pack

from .errors import ServiceError
from .store import Store

CHUNK_BYTES = 256 << 10
AHEAD = 8
"""Pieces that a client may have asked for and not got: two megabytes on their way fill most lines."""
MAX_NAMES = 1024


class Parts:
    """What of the store can be fetched."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._named: OrderedDict[tuple[str, str], Stored] = OrderedDict()
        """By job and kind, the latest used last."""

    def name(self, event: MeshReady | TextureReady, frames: Sequence[Any]) -> Sequence[Any]:
        """Frames of the Stored that stands for a result which is in the store now."""
        key = (event.job_id, type(event).__name__)
        stored = self._named.get(key)
        if stored is None:
            whole, size = hashlib.sha256(), 0
            for part in pack(frames):
                whole.update(part)
                size += memoryview(part).nbytes
            stored = Stored(*key, whole.hexdigest(), size)
        self._named[key] = stored
        self._named.move_to_end(key)
        while len(self._named) > MAX_NAMES:
            self._named.popitem(last=False)
        return encode(stored)

    def forget(self, event: MeshReady | TextureReady) -> None:
        """There is another result in the store now, or none."""
        self._named.pop((event.job_id, type(event).__name__), None)

    def chunk(self, fetch: Fetch) -> Chunk | None:
        """The piece, or None where that result is not stored any more."""
        stored = next((each for each in self._of(fetch.job_id) if each.digest == fetch.digest), None)
        if stored is None or fetch.offset >= stored.size:
            return None
        try:
            content = self._store.piece(fetch.job_id, stored.kind, fetch.offset, CHUNK_BYTES)
        except ServiceError:
            return None
        return Chunk(fetch.job_id, fetch.digest, fetch.offset, content) if content else None

    def _of(self, job_id: str) -> list[Stored]:
        found = [self._named.get((job_id, kind.__name__)) for kind in (MeshReady, TextureReady)]
        return [each for each in found if each is not None]
