# SPDX-License-Identifier: GPL-3.0-or-later
"""How this package's kernels are compiled, and shared among threads."""

import inspect
import itertools
import threading
from collections.abc import Callable
from typing import Any

import torch
from numba import njit

RELAXED = {"reassoc", "contract", "arcp", "nsz"}
"""Sums may be reordered and fused; NaN and infinity keep their meaning."""


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call and keep the code on disk; without a writable folder, compile in each process."""
    function = inspect.unwrap(function)  # tests wrap functions to check shapes, which numba cannot read
    # A division that could raise would bring back the counting of references that numba otherwise removes, and its
    # atomic counters would be fought for by all threads: divide as numpy does.
    try:
        return njit(function, cache=True, nogil=True, fastmath=RELAXED, error_model="numpy")
    except RuntimeError:  # numba found no folder to keep code in
        return njit(function, nogil=True, fastmath=RELAXED, error_model="numpy")


def share(count: int, tile: int, work: Callable[[int, int], None]) -> None:
    """Call work(first, last) for tiles of range(count) on as many threads as torch uses here.

    Plain threads, because numba's own pool may not be entered by two callers at once. `work` must let go of the
    interpreter, as compiled functions do. Raises what `work` raised first.
    """
    tiles = itertools.count(0, tile)  # next() is atomic: each thread takes the next tile
    raised: list[BaseException] = []

    def run() -> None:
        try:
            while not raised and (first := next(tiles)) < count:
                work(first, min(first + tile, count))
        except BaseException as error:  # the caller's thread raises it
            raised.append(error)

    helpers = min(torch.get_num_threads(), -(-count // tile)) - 1
    threads = [threading.Thread(target=run, daemon=True) for _ in range(helpers)]
    for thread in threads:
        thread.start()
    run()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
