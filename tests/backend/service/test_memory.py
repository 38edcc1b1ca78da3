# SPDX-License-Identifier: GPL-3.0-or-later
from backend.service.memory import free_and_total, from_meminfo


def test_this_computer_tells_its_memory() -> None:
    found = free_and_total("cpu")
    assert found is not None and 0 < found[0] <= found[1]


def test_a_graphics_card_is_not_asked_before_torch_is_there() -> None:
    import sys

    loaded = sys.modules.pop("torch", None)
    try:
        assert free_and_total("cuda") is None
    finally:
        if loaded is not None:
            sys.modules["torch"] = loaded


def test_linux_counts_what_could_be_freed_as_free() -> None:
    text = "MemTotal:       16000 kB\nMemFree:          100 kB\nMemAvailable:    8000 kB\nHugePages_Total:       0\n"
    assert from_meminfo(text) == (8000 << 10, 16000 << 10)
    assert from_meminfo("MemTotal:       16000 kB\n") is None
