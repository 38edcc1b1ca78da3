# SPDX-License-Identifier: GPL-3.0-or-later
import base64
import zlib

import numpy as np
import pytest

from backend.synthesis.source import Source, SourceError


@pytest.fixture
def source():
    random = np.random.default_rng(0)
    return Source(random.normal(size=(4, 2, 6)).astype(np.float16), np.ones(8, np.float16), "abc123", 2**62 + 5)


def test_a_source_survives_the_recipe(source):
    back = Source.unpack(source.pack())
    assert np.array_equal(back.latent, source.latent) and np.array_equal(back.embedding, source.embedding)
    assert (back.model_hash, back.seed) == (source.model_hash, source.seed)


def test_the_default_models_source_is_small():
    noise = np.random.default_rng(0).normal(size=(48, 16, 48)).astype(np.float16)
    assert len(Source(noise, np.zeros(256, np.float16), "x" * 16).pack()) < 110_000


@pytest.mark.parametrize("damage", ["", "not base64 ?", "AAAA", "short", "nan", "shape", "bomb"])
def test_damage_is_one_clear_error(source, damage):
    packed = source.pack()
    raw = bytearray(zlib.decompress(base64.b64decode(packed)))
    if damage == "short":
        raw = raw[:-7]
    elif damage == "nan":
        raw[-2:] = np.array([np.nan], np.float16).tobytes()
    elif damage == "shape":
        raw[36:44] = np.array([-4], np.int64).tobytes()
    elif damage == "bomb":
        raw = bytearray(50_000_000)
    text = damage if damage in ("", "not base64 ?", "AAAA") else base64.b64encode(zlib.compress(bytes(raw))).decode()
    with pytest.raises(SourceError) as caught:
        Source.unpack(text)
    assert caught.value.message and "Generate" in caught.value.hint
