# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backend needs of this machine, looked at one thing at a time, each with what to do where it is missing.

A check never raises and never changes anything that stays; torch is loaded for the device alone.
"""

import glob
import importlib.metadata
import os
import platform
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

import zmq

import backend
from backend.faces import files
from backend.weights import checksum, library
from blender_addon.protocol import CONNECTION_NAME, ProtocolError, read_connection

from .keys import SERVER_KEYS
from .memory import free_and_total

PYTHONS = ((3, 11), (3, 14))
"""Oldest that works, first that nobody tried."""
LITTLE_DISK, LITTLE_MEMORY = 2 << 30, 4 << 30
"""Bytes below which work may fail."""
NEEDED = ("numpy", "torch", "numba", "scipy", "pyzmq", "pillow", "safetensors", "xatlas", "ai-edge-litert")
EXTRAS = {
    "blender": (("bpy",), "render demo scenes and populate files without Blender"),
    "train": (("embreex", "libigl", "trimesh"), "make training people, fit and train"),
    "cluster": (("ray",), "spread fits over several machines"),
}
"""Extra of the package -> (its distributions, what it is for)."""
BLENDER_OLDEST = (4, 2)
BLENDERS = (
    "/Applications/Blender.app/Contents/MacOS/Blender",
    "/snap/bin/blender",
    "/opt/blender/blender",
    "C:/Program Files/Blender Foundation/*/blender.exe",
)
"""Where Blender lies when it is not on the search path."""


class State(StrEnum):
    """What a check came to."""

    GOOD = "good"
    NOTE = "note"
    """Something does without it, or it is the user's choice."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result."""

    name: str
    state: State
    sentence: str
    remedy: str = ""
    """One sentence; empty where nothing is to be done."""


def examine(store: Path, device: str = "auto", port: int = 0) -> Iterator[Finding]:
    """All checks, one after the other; `port` is one that a backend is to listen at, 0 for any."""
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("versions", versions),
        ("device", lambda: device_of(device)),
        ("memory", memory),
        ("weights", weights),
        ("models", models),
        ("face networks", face_networks),
        ("store", lambda: folder("store", store, private=True)),
        ("cache", lambda: folder("cache", files.cache_folder(), private=False)),
        ("keys", lambda: keys(store)),
        ("backend", lambda: running(store)),
        ("port", lambda: port_free(port)),
        ("Blender", blender),
        *((f"extra {name}", lambda name=name: extra(name)) for name in EXTRAS),  # type: ignore[misc]
    ]
    for name, check in checks:
        try:
            yield check()
        except Exception as error:  # a sick machine is what this is for
            sentence = f"The check itself failed: {type(error).__name__}: {error}"
            yield Finding(name, State.BAD, sentence, "Please report it.")


def versions() -> Finding:
    """Python and what the package needs."""
    python = platform.python_version()
    found, missing = [], []
    for name in NEEDED:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    said = f"Maquette {backend.__version__}, Python {python}, {platform.system()} {platform.machine()}"
    if missing:
        sentence = f"{said}; missing: {', '.join(missing)}."
        return Finding("versions", State.BAD, sentence, "Install the package again: pip install maquette.")
    sentence = f"{said}, {', '.join(found)}."
    if not PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        return Finding("versions", State.NOTE, sentence, f"Nobody has tried Python {python}; 3.11 is the safe one.")
    return Finding("versions", State.GOOD, sentence)


def device_of(name: str) -> Finding:
    """What `--device` would come to."""
    import torch

    if not re.fullmatch(r"auto|cpu|cuda(:\d{1,3})?", name):
        return Finding("device", State.BAD, f"There is no device {name!r}.", "Choose auto, cpu, cuda or cuda:N.")
    cuda = torch.cuda.is_available()
    if name.startswith("cuda") and not cuda:
        return Finding(
            "device", State.BAD, "torch sees no CUDA graphics card.",
            "Install the NVIDIA driver and a CUDA build of torch, or start with --device cpu.",
        )  # fmt: skip
    if name == "cpu" or not cuda:
        threads = f"{torch.get_num_threads()} threads"
        remedy = "" if name == "cpu" else "A CUDA graphics card would be much faster; nothing else is wrong."
        return Finding("device", State.GOOD if name == "cpu" else State.NOTE, f"The processor, {threads}.", remedy)
    index = torch.device("cuda" if name == "auto" else name)
    if (count := torch.cuda.device_count()) <= (index.index or 0):
        return Finding(
            "device", State.BAD, f"There is no {name}: torch sees {count} graphics cards.", "Choose another."
        )
    free, total = torch.cuda.mem_get_info(index)
    shown = f"{torch.cuda.get_device_name(index)}, {free / (1 << 30):.1f} of {total / (1 << 30):.1f} GB free."
    if free < LITTLE_MEMORY:
        return Finding("device", State.NOTE, shown, "Close what else uses the card, or choose the draft preset.")
    return Finding("device", State.GOOD, shown)


def memory() -> Finding:
    """Of the computer."""
    found = free_and_total("cpu")
    if found is None:
        return Finding("memory", State.NOTE, "This system does not tell how much memory is free.")
    sentence = f"{found[0] / (1 << 30):.1f} of {found[1] / (1 << 30):.1f} GB free."
    if found[0] < LITTLE_MEMORY:
        return Finding("memory", State.NOTE, sentence, "Close what else needs memory, or choose the draft preset.")
    return Finding("memory", State.GOOD, sentence)


def weights(package: Path = checksum.PACKAGE) -> Finding:
    """The files that come with the package, byte for byte."""
    again, sums, found = "Reinstall maquette.", checksum.expected(package), checksum.present(package)
    if missing := [name for name in sums if name not in found]:
        return Finding("weights", State.BAD, f"Missing in {package}: {', '.join(missing)}.", again)
    if not sums:
        return Finding("weights", State.BAD, f"The list of checksums in {package} is missing or damaged.", again)
    others = [name for name, path in found.items() if checksum.sha256(path) != sums.get(name)]
    if damaged := [f"{name} ({why})" for name in others if (why := _unreadable(found[name]))]:
        return Finding("weights", State.BAD, f"Not the shipped files: {', '.join(damaged)}.", again)
    if others:
        return Finding(
            "weights", State.NOTE, f"These can be read but are not the shipped files: {', '.join(others)}.",
            "If you did not replace them on purpose, reinstall maquette.",
        )  # fmt: skip
    size = sum(path.stat().st_size for path in found.values())
    names = ", ".join(Path(name).name for name in found)
    return Finding("weights", State.GOOD, f"All {len(found)} files are whole, {size / (1 << 20):.0f} MB: {names}.")


def _unreadable(path: Path) -> str:
    """Why the file holds no weights; empty where it does."""
    from safetensors import SafetensorError, safe_open

    if path.name == checksum.WEIGHTS.name:
        from backend.weights.store import WeightsError, load

        try:
            load(path)
        except WeightsError as error:
            return error.message
        return ""
    try:
        with safe_open(path, "np") as stored:
            return "" if list(stored.keys()) else "it is empty"
    except (OSError, SafetensorError) as error:
        return str(error).splitlines()[0]


def models(folder: Path | None = None) -> Finding:
    """The user's own generators: converted ones and styles."""
    place = folder or library.folder()
    good, bad = [], []
    for path in sorted(place.glob("*.safetensors")) if place.is_dir() else ():
        try:
            good.append(library.read_entry(path).name)
        except library.LibraryError as error:
            bad.append(error.message)
    if bad:
        remedy = f"Delete what is damaged from {place}, or convert it again."
        return Finding("models", State.NOTE, f"{'; '.join(bad)}.", remedy)
    if not good:
        return Finding("models", State.GOOD, "None of your own yet; maquette convert makes some.")
    return Finding("models", State.GOOD, f"In {place}: {', '.join(good)}.")


def face_networks() -> Finding:
    """What finds the face in a portrait."""
    place = files.cache_folder() / "faces"
    if files.intact(place):
        return Finding("face networks", State.GOOD, f"All {len(files.NETWORKS)} are whole, in {place}.")
    what = "Some are damaged or missing" if place.exists() else "They are not there yet"
    return Finding("face networks", State.NOTE, f"{what}: {place}; portraits need them, seeds do not.", files.REMEDY)


def folder(name: str, path: Path, private: bool) -> Finding:
    """Whether files can be written there, how much fits, and who can look."""
    nearest = next(each for each in (path, *path.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(bytes(4096))
    except OSError as error:
        sentence = f"{path} cannot be written: {error.strerror or error}."
        variable = "MAQUETTE_STATE" if private else "MAQUETTE_CACHE"
        return Finding(name, State.BAD, sentence, f"Mend its permissions, or name another folder in {variable}.")
    free = shutil.disk_usage(nearest).free
    sentence = f"{path} can be written, {free / (1 << 30):.1f} GB free."
    if free < LITTLE_DISK:
        return Finding(name, State.BAD, sentence, f"Free some space: {LITTLE_DISK >> 30} GB are needed for results.")
    if private and os.name == "posix" and path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding(name, State.NOTE, f"{path} can be entered by other users.", f"Run chmod 700 {path}.")
    return Finding(name, State.GOOD, sentence)


def keys(store: Path) -> Finding:
    """The server's own keys, where there are any."""
    path = store / SERVER_KEYS
    if not zmq.has("curve"):
        sentence = "This pyzmq cannot encrypt (no CURVE), so a backend can only listen on this machine."
        return Finding(
            "keys", State.NOTE, sentence, "Run pip install --force-reinstall pyzmq if others are to come in."
        )
    if not path.exists():
        return Finding("keys", State.GOOD, "None yet; only a backend that listens beyond this machine needs some.")
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding(
            "keys", State.BAD, f"{path} can be read by other users, so its secret key is none any more.",
            "Delete it, run maquette keys, and give the clients the new public key.",
        )  # fmt: skip
    return Finding("keys", State.GOOD, f"{path} is its owner's alone.")


def running(store: Path) -> Finding:
    """Whether a backend serves the store, and listens."""
    try:
        connection = read_connection(store / CONNECTION_NAME)
    except ProtocolError as error:
        if (store / CONNECTION_NAME).exists():
            return Finding("backend", State.BAD, str(error), "Delete that file and start the backend again.")
        return Finding("backend", State.GOOD, "None runs; maquette serve starts one.")
    parts = urlsplit(connection.address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2):
            sentence = f"Maquette {connection.version} listens at {connection.address}."
    except (OSError, ValueError):
        sentence = f"The connection file names {connection.address}, where nothing listens: it ended without a word."
        return Finding("backend", State.NOTE, sentence, "Start it again; unfinished jobs go on.")
    if connection.version != backend.__version__:
        remedy = f"Restart it: this is version {backend.__version__}."
        return Finding("backend", State.NOTE, sentence, remedy)
    return Finding("backend", State.GOOD, sentence)


def port_free(port: int) -> Finding:
    """Whether a backend could listen there."""
    with socket.socket() as listening:
        try:
            listening.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            sentence = (
                f"Nothing can listen at port {port} of this machine: {getattr(error, 'strerror', None) or error}."
            )
            return Finding("port", State.BAD, sentence, "Leave --port out, or choose another one.")
    return Finding("port", State.GOOD, f"Port {port} is free." if port else "There are free ports at 127.0.0.1.")


def blender() -> Finding:
    """The program, where it is usually found."""
    found = shutil.which("blender") or next((path for name in BLENDERS for path in sorted(glob.glob(name))), "")
    if not found:
        remedy = "Install Blender 4.2 or newer, or put it on the search path; the command line works without it."
        return Finding("Blender", State.NOTE, "Not found on the search path or in the usual folders.", remedy)
    try:
        said = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30).stdout
        version = said.split()[1]
        numbers = tuple(int(each) for each in version.split(".")[:2])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return Finding("Blender", State.NOTE, f"{found} does not tell its version.", "Start it once by hand.")
    if numbers < BLENDER_OLDEST:
        return Finding("Blender", State.BAD, f"{found} is {version}.", "The add-on needs Blender 4.2 or newer.")
    return Finding("Blender", State.GOOD, f"{found} is {version}.")


def extra(name: str) -> Finding:
    """An optional part of the package."""
    distributions, use = EXTRAS[name]
    missing = []
    for each in distributions:
        try:
            importlib.metadata.version(each)
        except importlib.metadata.PackageNotFoundError:
            missing.append(each)
    if not missing:
        return Finding(f"extra {name}", State.GOOD, f"Installed: {', '.join(distributions)}.")
    sentence = f"Not installed ({', '.join(missing)}); needed to {use}."
    return Finding(f"extra {name}", State.NOTE, sentence, f"Run pip install 'maquette[{name}]' if you want that.")
