# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from backend.adaptation import prior as priors
from backend.claims import d3, styles
from backend.claims.base import Settings
from backend.evaluation import looks
from backend.models.embedding import EmbeddingConfig, JointEmbedding
from backend.models.judge import Judge, JudgeConfig
from backend.studio.looks import LOOKS
from backend.training.look_judging import QUESTION
from backend.training.subjects import save_subject
from backend.weights import library
from tests.backend.adaptation.worlds import small_generator


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
    _save_shard([balls.ball_subject(index, size=8, cameras=1).points for index in range(6)], cache / "shards")
    return Settings(pack=pack_root, cache=cache, size="tiny")


def _save_shard(people: list[dict[str, np.ndarray]], folder: Path) -> None:
    """Balls as a shard of people, each with a portrait of its own colour."""
    arrays = {name: np.stack([person[name] for person in people]) for name in ("axis_rgba", "axis_depth")}
    portrait = np.zeros((len(people), 3, 64, 64, 4), np.uint8)
    portrait[:, :, 10:60, 15:50] = arrays["axis_rgba"][:, None, 0, 0, 16:17, 16:17]
    arrays |= {"portrait_rgba": portrait, "portrait_normal": np.tile(np.int8([0, 0, 127]), (len(people), 3, 64, 64, 1))}
    folder.mkdir(parents=True)
    np.savez(folder / f"people_00000000_{len(people):08d}.npz", **arrays)


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> JointEmbedding:
    """A small embedding in the place of the shipped one."""
    torch.manual_seed(0)
    embedding = JointEmbedding(EmbeddingConfig.tiny()).eval().requires_grad_(False)
    monkeypatch.setattr("backend.weights.store.load", lambda: SimpleNamespace(embedding=embedding))
    return embedding


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The toy claim T1, the only one in the table."""
    module = load(Path(__file__).with_name("toy.py"), "backend.claims.toy")
    monkeypatch.setitem(sys.modules, "backend.claims.toy", module)
    monkeypatch.setattr("backend.claims.run.CLAIMS", {"T1": "toy"})
    return module


@pytest.fixture
def styled(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Untrained small networks as the shipped generator, prior and judge of looks."""
    torch.manual_seed(0)
    generator = small_generator()
    generator.save(generator.network.state_dict(), tmp_path / "heads.safetensors", {})
    monkeypatch.setattr(library, "SHIPPED", {"heads": tmp_path / "heads.safetensors"})
    monkeypatch.setitem(priors.PRIORS, "studio", "tests.backend.adaptation.worlds:ideal")
    judge = Judge(replace(JudgeConfig.tiny(), questions={QUESTION: len(LOOKS)})).eval().requires_grad_(False)
    for module in (looks, d3):
        monkeypatch.setattr(module, "shipped_look_judge", lambda: judge)
    styles.prior.cache_clear()
    styles.eye.cache_clear()
    yield replace(settings, cache=tmp_path)
    styles.prior.cache_clear()
    styles.eye.cache_clear()
