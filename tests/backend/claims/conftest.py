# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from backend.claims.base import Settings
from backend.training.subjects import save_subject


def load(path: Path, name: str) -> ModuleType:
    """A Python file beside the tests as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pack_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A miniature asset folder."""
    miniature = load(Path(__file__).parents[1] / "studio/miniature.py", "miniature")
    return miniature.write_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture(scope="session")
def settings(pack_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The tiny size; four balls stand for people, they and their fits are shared by all tests of a session."""
    balls = load(Path(__file__).parents[1] / "training/balls.py", "balls")
    cache = tmp_path_factory.mktemp("claims")
    for index in range(4):
        save_subject(balls.ball_subject(index, size=16, cameras=2), cache / "people")
    return Settings(pack=pack_root, cache=cache, size="tiny")


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The toy claim T1, the only one in the table."""
    module = load(Path(__file__).with_name("toy.py"), "backend.claims.toy")
    monkeypatch.setitem(sys.modules, "backend.claims.toy", module)
    monkeypatch.setattr("backend.claims.run.CLAIMS", {"T1": "toy"})
    return module
