#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of docs/artist.md: mouse and keyboard follow the guide in a Blender window, with the real model.

    python scripts/picture_guide.py --blender /path/to/blender --display :99 [--out docs/images/guide] [--until crowd]

Wanted beside Blender: an X display of 1280 x 720 that nobody else uses (`Xvfb :99 -screen 0 1280x720x24`), xdotool and
ImageMagick's `import`. Blender starts with a profile of its own, without the add-on: the first chapter installs the
archive, the second starts the backend, as a user does both. `guide_chapters.py` says what is clicked, `guide_window.py`
how; this file is the hand and the camera.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.guide_window import HAND, LANGUAGE, LANGUAGES, WANTED  # noqa: E402 (the checkout is put on the path first)

CHAPTERS = (
    "install",
    "backend",
    "create",
    "languages",
    "sharpen",
    "cancel",
    "styles",
    "avatar",
    "refine",
    "crowd",
    "asset",
)
SIZE = (1280, 720)
SIDEBAR = (774, 82, 1056, 562)
"""Of the window, what a picture in another language keeps."""
TICK = 0.02
COLOURS = 256
"""Of a stored picture: a third of the bytes, and nothing that one sees."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blender", default="blender", help="the program, with arguments before ours if need be")
    parser.add_argument("--display", default=os.environ.get("DISPLAY", ":0"), help="the X display")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images" / "guide")
    parser.add_argument("--until", choices=CHAPTERS, default=CHAPTERS[-1], help="the last chapter")
    parser.add_argument("--skip", nargs="+", choices=CHAPTERS[2:], default=[], help="chapters that are left out")
    parser.add_argument("--program", default=sys.executable, help="Python of the backend, or the maquette program")
    flags = parser.parse_args()
    from scripts.build_extension import build
    from scripts.test_in_blender import PLATFORMS

    archive = build(PLATFORMS[sys.platform], ROOT / "dist")
    wanted = [each for each in CHAPTERS[: CHAPTERS.index(flags.until) + 1] if each not in flags.skip]
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        shots = Path(folder) / "shots"
        shots.mkdir()
        (Path(folder) / "profile").mkdir()  # or Blender takes the profile of who runs this
        photographs, disk = Path(folder) / "photographs", Path(folder) / "downloads"
        for each, file in ((disk, archive), (photographs, ROOT / "assets" / "portraits" / "hopper.jpg")):
            each.mkdir()
            shutil.copy(file, each)
        order = {
            "out": str(shots),
            "portrait": str(photographs / "hopper.jpg"),
            "work": folder,
            "archive": f"{disk}/",
            "program": flags.program,
            "chapters": wanted,
        }
        environment = {
            **os.environ,
            "DISPLAY": flags.display,
            "BLENDER_USER_RESOURCES": f"{folder}/profile",
            "MAQUETTE_STATE": f"{folder}/store",
            "MAQUETTE_MODELS": f"{folder}/models",
            "MAQUETTE_PICTURES": json.dumps(order),
        }
        window = ["--no-window-focus", "--window-geometry", "0", "0", *map(str, SIZE)]
        command = [*shlex.split(flags.blender), *window, "--python", str(ROOT / "scripts" / "guide_chapters.py")]
        with subprocess.Popen(command, env=environment) as opened:
            while opened.poll() is None:
                serve(shots, environment)
                time.sleep(TICK)
        return store(shots, flags.out) or opened.returncode


def serve(shots: Path, environment: dict[str, str]) -> None:
    """Moves what is to be moved, and takes the pictures for which Blender waits."""
    order = shots / HAND
    if order.exists():
        subprocess.run(["xdotool", *json.loads(order.read_text())], env=environment, check=True)
        order.unlink()
    for each in shots.glob(f"*{WANTED}"):
        if each != order:
            subprocess.run(["import", "-window", "root", str(each.with_suffix(".png"))], env=environment, check=True)
            each.unlink()


def store(shots: Path, out: Path) -> int:
    """Puts the pictures in their place, with fewer colours; status 1 if there is none."""
    from PIL import Image

    out.mkdir(parents=True, exist_ok=True)
    taken = {each.stem: Image.open(each).convert("RGB") for each in sorted(shots.glob("*.png"))}
    sidebars = [taken.pop(f"{LANGUAGE}{each}").crop(SIDEBAR) for each in LANGUAGES if f"{LANGUAGE}{each}" in taken]
    if sidebars:
        width, height = sidebars[0].size
        taken["languages"] = Image.new("RGB", (width * len(sidebars), height))
        for place, each in enumerate(sidebars):
            taken["languages"].paste(each, (place * width, 0))
    for name, picture in taken.items():
        path = out / f"{name}.png"
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path}, {path.stat().st_size >> 10} kB")
    return int(not taken)


if __name__ == "__main__":
    sys.exit(main())
