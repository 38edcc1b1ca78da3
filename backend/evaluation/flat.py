# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that Blender takes of a glTF file in flat light, in a process of its own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from jaxtyping import Float
from PIL import Image

from ..geometry.cameras import Camera

ROOT = Path(__file__).resolve().parents[2]
INSIDE = """
import importlib.util, sys
# Only this package: the libraries beside it may be for another Python than Blender's.
spec = importlib.util.spec_from_file_location("blender_addon", {init!r})
sys.modules["blender_addon"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from blender_addon.scene import flat
flat.run_file({job!r})
"""
SECONDS = 600.0
TAIL_LINES = 5


class BlenderError(Exception):
    """Blender is missing or failed; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


def flat_views(
    content: bytes, cameras: Sequence[Camera], size: int, blender: Sequence[str] = ()
) -> Float[np.ndarray, "K S S 4"]:
    """RGBA in [0, 1], straight alpha, sRGB; all cameras share the first one's opening angle.

    `blender` is a command that runs the Python code that follows it; empty: this interpreter with the bpy module.
    Raises BlenderError.
    """
    if not blender and find_spec("bpy") is None:
        raise BlenderError("the bpy module is not installed", "Install it: pip install maquette[blender].")
    focal = float(cameras[0].intrinsics[1, 1])
    with tempfile.TemporaryDirectory(prefix="maquette-") as folder:
        Path(folder, "mesh.glb").write_bytes(content)
        job = {
            "glb": str(Path(folder, "mesh.glb")), "out": folder, "size": size,
            "field_of_view": float(2 * np.arctan(0.5 / focal)),
            "poses": [camera.cam_to_world.tolist() for camera in cameras],
        }  # fmt: skip
        code = INSIDE.format(init=str(ROOT / "blender_addon" / "__init__.py"), job=job)
        script = Path(folder, "inside.py")
        script.write_text(code, encoding="utf-8")
        line = f"exec(compile(open({json.dumps(str(script))}, encoding='utf-8').read(), 'flat', 'exec'))"
        command = [*(blender or (sys.executable, "-c")), line]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", env=environment, timeout=SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BlenderError("Blender did not come to an end", str(error)) from error
        files = [Path(folder, f"view_{number}.png") for number in range(len(cameras))]
        if not all(file.exists() for file in files):
            tail = [each for each in (done.stdout + done.stderr).splitlines() if each.strip()][-TAIL_LINES:]
            raise BlenderError(f"Blender ended with status {done.returncode} before all views", " | ".join(tail))
        return np.stack([np.asarray(Image.open(file).convert("RGBA"), np.float32) / 255 for file in files])
