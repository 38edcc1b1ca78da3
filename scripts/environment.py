# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment of the two commands: `.venv` at the repository root with known-good versions, made once.

Standard library only: this runs before anything is installed.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "maquette-installed"
REQUIREMENTS = (ROOT / "pyproject.toml", ROOT / "scripts/constraints.txt")
EXTRAS = "blender,cluster,dev,train"
BLENDER_PYTHON = (3, 11)
"""bpy has wheels for this Python alone."""
PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libICE.so.6": "libice6",
    "libSM.so.6": "libsm6",
    "libX11.so.6": "libx11-6",
    "libXext.so.6": "libxext6",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libXrender.so.1": "libxrender1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libgomp.so.1": "libgomp1",
    "libxkbcommon.so.0": "libxkbcommon0",
}
"""Shared library -> Debian's package, for what bpy expects from the system."""


def prepare() -> Path:
    """The environment's Python, with everything installed, the system's libraries and the face networks there."""
    _right_python()
    if _stamp() != _installed():
        say("environment: installing into .venv (first run: several minutes, mostly download)")
        _make_venv()
        pip: list[str | Path] = [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--progress-bar",
            _bar(),
        ]
        run([*pip, "--constraint", REQUIREMENTS[1], "--editable", f"{ROOT}[{EXTRAS}]"], "packages")
        STAMP.write_text(_stamp())
    _system_libraries()
    run([PYTHON, "-m", "backend", "fetch"], "face networks")
    return PYTHON


def say(line: str) -> None:
    """One line of progress, at once."""
    print(f"== {line}", flush=True)


def stop(sentence: str) -> NoReturn:
    """Ends the program with what is wrong and what to do."""
    sys.exit(f"== {sentence}")


def run(command: Sequence[str | Path], what: str, environment: dict[str, str] | None = None) -> None:
    """Runs a step that has to work."""
    status = subprocess.run(command, cwd=ROOT, env={**os.environ, **(environment or {})}).returncode
    if status:
        stop(f"{what} failed with status {status}; the lines above say why. Run the command again once it is mended.")


def threads() -> dict[str, str]:
    """Few threads: more of them than free cores only wait for each other."""
    count = str(max(1, min(4, (os.cpu_count() or 2) // 2)))
    return {name: os.environ.get(name, count) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def _right_python() -> None:
    """Goes on in the Python that bpy needs, or says which to install."""
    if sys.version_info[:2] == BLENDER_PYTHON:
        return
    name = "python{}.{}".format(*BLENDER_PYTHON)
    other = shutil.which(name)
    if other is None:
        stop(
            f"Blender's module needs Python {name[6:]}, this is {sys.version.split()[0]}. Install {name} and run again."
        )
    os.execv(other, [other, *sys.argv])


def _stamp() -> str:
    content = b"".join(path.read_bytes() for path in REQUIREMENTS)
    return hashlib.sha256(content + EXTRAS.encode() + str(ROOT).encode()).hexdigest()


def _installed() -> str | None:
    return STAMP.read_text() if STAMP.is_file() and _works() else None


def _works() -> bool:
    """The environment's Python starts and has pip: a moved or half-made folder does not."""
    try:
        return subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def _make_venv() -> None:
    if _works():
        return
    if VENV.exists():
        say("environment: .venv does not work; making it anew")
        shutil.rmtree(VENV)
    command = [sys.executable, "-m", "venv", str(VENV)]
    if subprocess.run(command, capture_output=True).returncode == 0:
        return
    # Debian keeps venv's pip in a package of its own.
    shutil.rmtree(VENV, ignore_errors=True)
    _apt(["python{}.{}-venv".format(*sys.version_info[:2])], "Python's venv module")
    run(command, "making .venv")


def _system_libraries() -> None:
    """Makes sure that bpy loads: its wheel expects a desktop's libraries even without a display."""
    if sys.platform != "linux":
        return
    missing = _missing_libraries()
    if not missing:
        return
    unknown = [name for name in missing if name not in PACKAGES]
    if unknown:
        stop(f"Blender's module needs {', '.join(unknown)} from the system; install what provides them.")
    _apt(sorted({PACKAGES[name] for name in missing}), "Blender's module")
    if still := _missing_libraries():
        stop(f"Blender's module still lacks {', '.join(still)}; install what provides them.")


def _missing_libraries() -> list[str]:
    # find_spec would not load the package, but its folder is all that is asked.
    script = "import importlib.util as u; print(u.find_spec('bpy').origin)"
    module = Path(subprocess.run([PYTHON, "-c", script], capture_output=True, text=True).stdout.strip())
    listed = subprocess.run(["ldd", module], capture_output=True, text=True).stdout
    return re.findall(r"^\s*(\S+) => not found", listed, re.MULTILINE)


def _apt(packages: list[str], needed_by: str) -> None:
    """Installs Debian packages where this user may, otherwise names the command."""
    install = f"apt-get install --yes --no-install-recommends {' '.join(packages)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        prefix = "" if os.geteuid() == 0 else "sudo "
        stop(f"{needed_by} needs system packages. Install them and run again: {prefix}{install}")
    say(f"environment: {needed_by} needs {' '.join(packages)}; installing them")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-q"], "apt-get update", quiet)
    run(["apt-get", *install.split()[1:]], install, quiet)


def _bar() -> str:
    return "on" if sys.stdout.isatty() else "off"
