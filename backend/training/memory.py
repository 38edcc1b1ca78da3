# SPDX-License-Identifier: GPL-3.0-or-later
"""The most memory that a piece of work held at once."""

from pathlib import Path
from types import TracebackType

import torch

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """`with PeakMemory(device) as peak: ...`; afterwards `peak.bytes` is the most that the process held meanwhile, on a
    graphics card the most that tensors did. Where there is no /proc, it is the most since the process started."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.bytes = 0

    def __enter__(self) -> "PeakMemory":
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        elif RESET.exists():
            RESET.write_text("5")  # the high-water mark falls to what is held now
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._device.type == "cuda":
            self.bytes = torch.cuda.max_memory_allocated(self._device)
        elif STATUS.exists():
            line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM"))
            self.bytes = 1024 * int(line.split()[1])
        else:
            import resource
            import sys

            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            self.bytes = most if sys.platform == "darwin" else 1024 * most
