# SPDX-License-Identifier: GPL-3.0-or-later
import hashlib
from pathlib import Path

import numpy as np

from backend.service.parts import CHUNK_BYTES, Parts
from backend.service.store import Store
from blender_addon.protocol import Fetch, JobRequest, Stored, TextureReady, decode_event, encode, unpack

TEXTURE = TextureReady("a", 1, np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8))


def test_a_result_is_named_and_read_piece_by_piece(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.submit(JobRequest("a"))
    frames = encode(TEXTURE)
    store.keep(TEXTURE, frames)
    parts = Parts(store)
    assert parts.chunk(Fetch("a", "0" * 64, 0)) is None  # not named yet
    stored = decode_event(parts.name(TEXTURE, frames))
    assert isinstance(stored, Stored) and stored.kind == "TextureReady"
    run = b""
    while len(run) < stored.size:
        piece = parts.chunk(Fetch("a", stored.digest, len(run)))
        assert piece is not None and len(piece.content) == min(CHUNK_BYTES, stored.size - len(run))
        run += piece.content
    assert hashlib.sha256(run).hexdigest() == stored.digest
    again = decode_event(unpack(run))
    assert isinstance(again, TextureReady) and np.array_equal(again.albedo, TEXTURE.albedo)
    assert parts.chunk(Fetch("a", stored.digest, stored.size)) is None
    # A server that was started anew names it alike, from what it reads.
    assert decode_event(Parts(store).name(TEXTURE, store.results("a")[0])) == stored
    newer = TextureReady("a", 2, TEXTURE.albedo[::-1])
    parts.forget(newer)
    store.keep(newer, encode(newer))
    assert parts.chunk(Fetch("a", stored.digest, 0)) is None
    parts.name(newer, encode(newer))
    assert parts.chunk(Fetch("a", stored.digest, 0)) is None
    store.close()
