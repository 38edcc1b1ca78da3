# SPDX-License-Identifier: GPL-3.0-or-later
import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment", ROOT / "scripts/environment.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = project["dependencies"] + [name for extra in extras for name in extra]
    lines = (ROOT / "scripts/constraints.txt").read_text().splitlines()
    pins = {normal(line.split("==")[0]) for line in lines if "==" in line}
    assert {normal(re.split(r"[<>=\[]", name)[0]) for name in wanted} <= pins


def test_the_scripts_start_without_any_package() -> None:
    for script in ("demo", "test"):
        check = f"import sys; sys.path.insert(0, 'scripts'); import {script}"
        subprocess.run([sys.executable, "-I", "-S", "-c", check], cwd=ROOT, check=True)


def test_version_is_the_same_everywhere() -> None:
    from backend import __version__

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__
    assert tomllib.loads((ROOT / "blender_manifest.toml").read_text())["version"] == __version__


def test_a_stamp_follows_the_requirements(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (tmp_path / "pyproject.toml", tmp_path / "constraints.txt")
    for file in files:
        file.write_text("torch==1")
    monkeypatch.setattr(environment, "REQUIREMENTS", files)
    before = environment._stamp()
    assert environment._stamp() == before
    files[1].write_text("torch==2")
    assert environment._stamp() != before


def test_missing_system_packages_are_named_with_their_command(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment.os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match="sudo apt-get install --yes --no-install-recommends libsm6 libxi6"):
        environment._apt(["libsm6", "libxi6"], "Blender's module")


def test_libraries_that_the_loader_cannot_find_are_known(
    environment: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ldd").write_text(
        "#!/bin/sh\necho '\tlibSM.so.6 => not found\n\tlibc.so.6 => /lib/libc.so.6 (0x1)\n\tlibXi.so.6 => not found'\n"
    )
    (tmp_path / "ldd").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(environment, "PYTHON", Path(sys.executable))
    missing = environment._missing_libraries()
    assert missing == ["libSM.so.6", "libXi.so.6"] and set(missing) <= set(environment.PACKAGES)
