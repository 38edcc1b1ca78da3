#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the built extension into a Blender with a profile of its own and lets it bring an avatar.

    python scripts/test_in_blender.py [--blender /path/to/blender]

Outside Blender it builds the archive for this platform, has Blender's own validator and installer take it, and starts
a backend with the tests' tiny runner; inside, this file is run again and asks the installed add-on for an avatar.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNNER = "tests.integration.tiny_runner:TinyRunner"
MODULE = "bl_ext.user_default.maquette"
PLATFORMS = {"linux": "linux-x64", "win32": "windows-x64", "darwin": "macos-arm64"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", default="blender", help="the program, with arguments before ours if need be")
    flags = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    from blender_addon import launcher
    from scripts.build_extension import build

    archive = build(PLATFORMS[sys.platform], ROOT / "dist")
    blender = shlex.split(flags.blender)
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        store = Path(folder) / "store"
        environment = {**os.environ, "BLENDER_USER_RESOURCES": f"{folder}/profile", "MAQUETTE_STATE": str(store)}

        def run(*arguments: str) -> None:
            subprocess.run([*blender, *arguments], env=environment, check=True)

        run("--command", "extension", "validate", str(archive))
        run("--command", "extension", "install-file", "-r", "user_default", "-e", str(archive))
        command = [sys.executable, "-m", "backend", "serve", "--runner", RUNNER]
        backend = launcher.start(command, store, device="cpu", folder=ROOT)
        try:
            backend.wait(60)
            run("-b", "--python-exit-code", "1", "--python", str(Path(__file__).resolve()))
        finally:
            backend.stop()
    print("the extension installs, connects and brings an avatar")
    return 0


def inside() -> None:
    """What runs inside Blender, which has no pytest."""
    import addon_utils
    import bpy

    assert MODULE in bpy.context.preferences.addons, "the extension is not switched on"
    for _ in range(20):
        addon_utils.disable(MODULE)
        addon_utils.enable(MODULE)
    assert bpy.ops.maquette.connect() == {"FINISHED"}
    assert bpy.ops.maquette.generate(seed=0, preset="draft") == {"FINISHED"}
    avatar = bpy.context.view_layer.objects.active
    image = avatar.active_material.node_tree.nodes.active.image
    assert avatar["maquette_recipe"] and image["maquette_recipe"]
    assert image.packed_file is not None and tuple(image.size) == (16, 16)
    print(f"Blender {bpy.app.version_string}, Python {sys.version.split()[0]}: {avatar.name} stands in the scene")


if __name__ == "__main__":
    if "bpy" in sys.modules:
        inside()
    else:
        sys.exit(main())
