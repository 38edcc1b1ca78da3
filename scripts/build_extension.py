#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the Blender extension: dist/maquette-VERSION-PLATFORM.zip, one per platform.

Each archive holds `blender_addon/` at its root, the manifest and pyzmq's own wheels for the Pythons of Blender
(3.11 up to 5.0, 3.13 from 5.1 on, and Debian's 4.3). The wheels are downloaded by name and version and checked
against the digests below; the archives are the same bytes for the same sources. pyzmq is pinned to versions with one
wheel per Python: with an abi3 wheel beside a cp311 one, Blender takes the extension for a 3.11-only one. The wheel for
3.11 is the newer of the two: Blender 4.2 looks at versions only, and takes the newest whatever its Python.
"""

import argparse
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYZMQ = {"cp311": "26.4.0", "cp313": "26.3.0"}
# Blender's platform: (tag in the wheel's name, {python: sha256}).
WHEELS = {
    "windows-x64": (
        "win_amd64",
        {
            "cp311": "963977ac8baed7058c1e126014f3fe58b3773f45c78cce7af5c26c09b6823896",
            "cp313": "fe67291775ea4c2883764ba467eb389c29c308c56b86c1e19e49c9e1ed0cbeca",
        },
    ),
    "linux-x64": (
        "manylinux_2_28_x86_64",
        {
            "cp311": "2f9f7ffe9db1187a253fca95191854b3fda24696f086e8789d1d449308a34b88",
            "cp313": "6d64e74143587efe7c9522bb74d1448128fdf9897cc9b6d8b9927490922fd558",
        },
    ),
    "macos-arm64": (
        "macosx_10_15_universal2",
        {
            "cp311": "bfcf82644c9b45ddd7cd2a041f3ff8dce4a0904429b74d73a439e8cab1bd9e54",
            "cp313": "fa85953df84beb7b8b73cb3ec3f5d92b62687a09a8e71525c6734e020edf56fd",
        },
    ),
}
EPOCH = (1980, 1, 1, 0, 0, 0)
LEFT_OUT = ("__pycache__",)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--platform", choices=WHEELS, action="append", help="only this one; may be repeated")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the archives (dist/)")
    flags = parser.parse_args()
    for platform in flags.platform or WHEELS:
        print(build(platform, flags.out), flush=True)
    return 0


def build(platform: str, out: Path) -> Path:
    """Writes the platform's archive into `out` and returns its path."""
    out.mkdir(parents=True, exist_ok=True)
    wheels = [wheel(platform, python, out / "wheels") for python in PYZMQ]
    manifest = staged_manifest(platform, [each.name for each in wheels])
    archive = out / f"maquette-{tomllib.loads(manifest)['version']}-{platform}.zip"
    with zipfile.ZipFile(archive, "w") as target:
        write(target, "blender_manifest.toml", manifest.encode())
        write(target, "LICENSE", (ROOT / "LICENSE").read_bytes())
        for path in sources(ROOT / "blender_addon"):
            write(target, path.relative_to(ROOT / "blender_addon").as_posix(), path.read_bytes())
        for each in wheels:
            write(target, f"wheels/{each.name}", each.read_bytes(), zipfile.ZIP_STORED)
    return archive


def wheel(platform: str, python: str, folder: Path) -> Path:
    """pyzmq's wheel for the platform and Python, downloaded unless it lies in the folder already."""
    tag, digests = WHEELS[platform]
    path = folder / f"pyzmq-{PYZMQ[python]}-{python}-{python}-{tag}.whl"
    if not path.exists():
        command = [sys.executable, "-m", "pip", "download", f"pyzmq=={PYZMQ[python]}", "--no-deps", "--quiet"]
        command += ["--only-binary", ":all:", "--implementation", "cp", "--abi", python, "--platform", tag]
        command += ["--python-version", python.removeprefix("cp"), "--dest", str(folder)]
        subprocess.run(command, check=True)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != digests[python]:
        raise SystemExit(f"{path.name} has sha256 {found}, expected {digests[python]}; delete it and try again")
    return path


def staged_manifest(platform: str, wheels: list[str]) -> str:
    """The repository's manifest with the platform and its wheels, before the first table."""
    head, table, tail = (ROOT / "blender_manifest.toml").read_text().partition("[permissions]")
    lines = [f'platforms = ["{platform}"]', "wheels = ["]
    lines += [f'  "./wheels/{each}",' for each in wheels]
    notes = [line for line in head.splitlines() if not line.startswith("#")]
    return "\n".join(notes).rstrip() + "\n" + "\n".join(lines) + "\n]\n\n" + table + tail


def sources(folder: Path) -> Iterator[Path]:
    """Every file of the add-on, in a fixed order."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part in LEFT_OUT for part in path.parts):
            yield path


def write(target: zipfile.ZipFile, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> None:
    """Adds a file with a fixed date and mode, so that equal content gives equal archives."""
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    target.writestr(entry, content, method)


if __name__ == "__main__":
    sys.exit(main())
