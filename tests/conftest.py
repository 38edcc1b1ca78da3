# SPDX-License-Identifier: GPL-3.0-or-later
"""One thread and one seed for every test, and a way out when they are done."""

import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from backend.faces.networks import FaceFinder

ROOT = Path(__file__).parent.parent
STATUS = pytest.StashKey[int]()

# Read by the libraries when they are first imported: several threads of a small test only wait for each other.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Every test starts from the same random state, whatever ran before it."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)


@pytest.fixture(scope="session")
def portraits() -> dict[str, bytes]:
    """The committed photographs: collins (small face), bluford (smile, turned by 11 degrees), hopper (glasses, cap)."""
    return {path.stem: path.read_bytes() for path in (ROOT / "assets/portraits").glob("*.jpg")}


@pytest.fixture(scope="session")
def finder() -> "FaceFinder":
    """The real face networks; their files are fetched on first use."""
    from backend.faces.networks import FaceFinder

    return FaceFinder(threads=1)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """bpy 4.5 waits forever for a thread of its own when a process ends that still holds the module, and what tests
    have imported does (`typing` caches classes, and classes hold their modules)."""
    if "bpy" in sys.modules and STATUS in config.stash:
        config.get_terminal_writer().flush()
        sys.stderr.flush()
        os._exit(config.stash[STATUS])
