# SPDX-License-Identifier: GPL-3.0-or-later
"""The archives, as Blender's own extension tools see them."""

import hashlib
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from scripts import build_extension  # noqa: E402

pytestmark = [pytest.mark.blender, pytest.mark.slow]

ROOT = Path(__file__).parent.parent.parent
INSTALL = """
import sys, bpy
assert bpy.ops.extensions.package_install_files(filepath=sys.argv[1], repo="user_default", enable_on_install=True)
assert "bl_ext.user_default.maquette" in bpy.context.preferences.addons
import zmq
assert sys.argv[2] in zmq.__file__, zmq.__file__
bpy.ops.maquette.connect.poll()
print("version", zmq.__version__)
"""


@pytest.fixture(scope="module")
def archives() -> dict[str, Path]:
    return {each: build_extension.build(each, ROOT / "dist") for each in build_extension.WHEELS}


def test_blenders_own_validator_accepts_every_platform(archives):
    (tool,) = Path(bpy.utils.resource_path("LOCAL")).rglob("bl_pkg/cli/blender_ext.py")
    for archive in archives.values():
        subprocess.run([sys.executable, tool, "validate", archive], check=True)


def test_the_extension_has_the_version_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    assert manifest["version"] == project["version"] and f"SPDX:{project['license']}" in manifest["license"]


def test_the_same_sources_give_the_same_bytes(archives):
    digests = {each: hashlib.sha256(path.read_bytes()).hexdigest() for each, path in archives.items()}
    for each, digest in digests.items():
        again = build_extension.build(each, ROOT / "dist")
        assert hashlib.sha256(again.read_bytes()).hexdigest() == digest


def test_an_archive_holds_the_addon_its_manifest_and_two_wheels(archives):
    with zipfile.ZipFile(archives["linux-x64"]) as archive:
        names = archive.namelist()
    assert {"__init__.py", "blender_manifest.toml", "LICENSE", "protocol/wire.py", "operators/generate.py"} <= {*names}
    assert [name.split("-")[2] for name in names if name.endswith(".whl")] == list(build_extension.PYZMQ)
    version = {name.split("-")[2]: name.split("-")[1] for name in names if name.endswith(".whl")}
    assert version["cp311"] > version["cp313"]  # Blender 4.2 takes the newest, whatever its Python
    assert not any("__pycache__" in name for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="installs the archive for Linux")
def test_blender_installs_it_and_finds_its_wheel(archives, tmp_path):
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "profile")}
    # -S keeps this environment's own pyzmq out of sight; bpy is put on the path by hand.
    packages = tmp_path / "packages"
    packages.mkdir()
    source = Path(bpy.utils.resource_path("LOCAL")).parent.parent
    for name in ("bpy", "numpy", "numpy.libs", "requests", "urllib3", "idna", "certifi", "charset_normalizer"):
        if (source / name).exists():
            (packages / name).symlink_to(source / name)
    environment["PYTHONPATH"] = str(packages)
    command = [sys.executable, "-S", "-c", INSTALL, str(archives["linux-x64"]), str(tmp_path / "profile")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"version {build_extension.PYZMQ[f'cp3{sys.version_info.minor}']}" in done.stdout
