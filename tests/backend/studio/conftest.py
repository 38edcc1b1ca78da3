# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
from pathlib import Path

import pytest

from backend.studio.assets import Pack


@pytest.fixture(scope="session")
def pack_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature asset folder."""
    place = Path(__file__).with_name("miniature.py")
    spec = importlib.util.spec_from_file_location("miniature", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.write_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="session")
def pack(pack_root: Path) -> Pack:
    return Pack(pack_root)
