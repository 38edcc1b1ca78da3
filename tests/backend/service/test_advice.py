# SPDX-License-Identifier: GPL-3.0-or-later
import pytest

from backend.service.advice import is_memory, out_of_memory, smaller
from blender_addon.protocol import JobRequest


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (JobRequest("a", preset="high"), "Choose the preset standard"),
        (JobRequest("a", preset="standard"), "Choose the preset draft"),
        (JobRequest("a", preset="draft"), "the smallest preset already"),
        (JobRequest("a", preset="draft", options={"texture_size": 4096, "faces": 500}), "Leave texture_size at"),
        (JobRequest("a", preset="of a newer one"), "Close what else"),
        (JobRequest("a", "adapt", options={"side": 128}), "side 64"),
        (JobRequest("a", "adapt", options={"sentence": "x"}), "it goes on where it was"),
    ],
)
def test_the_next_smaller_setting_is_named(request_: JobRequest, words: str) -> None:
    assert words in smaller(request_)
    assert out_of_memory(request_).hint == smaller(request_)


def test_every_library_says_it_in_its_own_words() -> None:
    assert is_memory(MemoryError()) and is_memory(type("OutOfMemoryError", (RuntimeError,), {})("CUDA"))
    assert is_memory(RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."))
    assert is_memory(RuntimeError("CUDA error: out of memory"))
    assert not is_memory(RuntimeError("shape mismatch")) and not is_memory(ValueError("out of memory"))
