# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a device's memory is free, and how much a process may take; torch is asked only where it is loaded."""

import ctypes
import os
import re
import sys
from pathlib import Path

MEMINFO = Path("/proc/meminfo")


def free_and_total(device: str) -> tuple[int, int] | None:
    """Bytes free and in all: of the graphics card for "cuda", else of the computer; None where it cannot be told."""
    if device.startswith("cluster"):
        return None  # the memory that counts is another machine's
    if device.startswith("cuda"):
        torch = sys.modules.get("torch")
        if torch is None:
            return None
        free, total = torch.cuda.mem_get_info(device)
        return int(free), int(total)
    if sys.platform == "win32":
        return _windows()
    if MEMINFO.exists():
        return from_meminfo(MEMINFO.read_text())
    try:  # macOS tells how much there is, and nothing simple about how much is free
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES"), total
    except (ValueError, OSError):
        return None


def can_limit() -> bool:
    """Whether this system keeps a process from taking more memory than it is allowed."""
    return sys.platform == "linux"


def limit_memory(size: int) -> None:
    """From now on this process gets at most so many bytes of memory of its own; more is a MemoryError.

    Linux counts what is private and may be written (RLIMIT_DATA), not what is only reserved, as graphics drivers do.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))


def from_meminfo(text: str) -> tuple[int, int] | None:
    """The same from the text of Linux's /proc/meminfo."""
    kilobytes = {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
    if not {"MemAvailable", "MemTotal"} <= kilobytes.keys():
        return None
    return kilobytes["MemAvailable"] << 10, kilobytes["MemTotal"] << 10


def _windows() -> tuple[int, int] | None:
    class Status(ctypes.Structure):
        """MEMORYSTATUSEX."""

        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")),
        )

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined]
        return None
    return int(status.free), int(status.total)
