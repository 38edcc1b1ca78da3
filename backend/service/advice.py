# SPDX-License-Identifier: GPL-3.0-or-later
"""What to try next where memory did not suffice: the next smaller setting than the one that was asked for."""

from backend.pipeline.adapt_request import ADAPT
from backend.pipeline.presets import PRESETS
from backend.pipeline.request import NUMBERS
from blender_addon.protocol import ErrorCode, Failed, JobRequest

NOT_ENOUGH = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc", "unable to allocate")
"""How torch, numpy and C++ say it where they have no exception of their own for it."""


CLOSE = "Close what else needs memory, then ask for it again: it goes on where it was."


def is_memory(error: BaseException) -> bool:
    """Whether the error says that there is no memory left."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in NOT_ENOUGH)


def smaller(request: JobRequest) -> str:
    """One sentence: what takes less memory than this request."""
    if request.kind == ADAPT:
        side = request.options.get("side")
        return f"Learn from smaller pictures: side {side // 2}." if isinstance(side, int) and side >= 64 else CLOSE
    preset = PRESETS.get(request.preset)
    enlarged = [name for name in NUMBERS if preset and request.options.get(name, 0) > getattr(preset, name)]
    if enlarged:
        return f"Leave {' and '.join(enlarged)} at what the preset {request.preset} has."
    names = list(PRESETS)
    place = names.index(request.preset) if request.preset in names else 0
    if place:
        return f"Choose the preset {names[place - 1]}, or close what else needs memory."
    return "Close what else needs memory; this is the smallest preset already."


def out_of_memory(request: JobRequest) -> Failed:
    """The last message of a job for which the memory did not suffice."""
    message = f"The memory did not suffice for this avatar at the preset {request.preset}."
    if request.kind == ADAPT:
        message = "The memory did not suffice to learn this style; what was learned so far is kept."
    return Failed(request.job_id, ErrorCode.OUT_OF_MEMORY, message[:1000], smaller(request))
