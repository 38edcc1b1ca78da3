# SPDX-License-Identifier: GPL-3.0-or-later
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from numba.core import config

from backend.geometry.compiled import share

ROOT = Path(__file__).parents[3]


def test_share_takes_every_piece_once() -> None:
    taken, lock = np.zeros(1000, int), threading.Lock()

    def work(first: int, last: int) -> None:
        with lock:
            taken[first:last] += 1

    share(1000, 7, work)
    assert (taken == 1).all()
    share(0, 7, lambda first, last: pytest.fail("there is nothing to do"))


def test_share_uses_as_many_threads_as_torch() -> None:
    before, names = torch.get_num_threads(), set()
    gate = threading.Barrier(3)

    def work(first: int, last: int) -> None:
        names.add(threading.get_ident())
        gate.wait(10)  # nobody goes on before three threads have come

    torch.set_num_threads(3)
    try:
        share(3, 1, work)
    finally:
        torch.set_num_threads(before)
    assert len(names) == 3


def test_share_raises_what_a_piece_raises() -> None:
    def work(first: int, last: int) -> None:
        raise ValueError(f"piece {first}")

    with pytest.raises(ValueError, match="piece"):
        share(4, 1, work)


def test_without_a_folder_for_code_it_still_compiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    program = "from backend.geometry import compiled as c; exec('def f(x): return x + 1'); print(c.compiled(f)(1))"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "file" / "below"), "HOME": str(tmp_path / "file")}
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "2", done.stderr
    assert config.CACHE_DIR is not None
