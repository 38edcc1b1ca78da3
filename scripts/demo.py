#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's first command: environment, backend, an avatar from the shipped portrait in a Blender scene.

Leaves demo.blend, demo.glb and demo.png (a render) in the repository's root.
"""

import os
import subprocess
import sys
import tempfile

from environment import PYTHON, ROOT, prepare, stop


def main() -> None:
    """Runs `demo_scene.py` in the environment, with a state folder of its own: a user's backend is left alone."""
    prepare()
    with tempfile.TemporaryDirectory(prefix="maquette-demo-") as state:
        environment = {**os.environ, "MAQUETTE_STATE": state, "PYTHONPATH": str(ROOT)}
        command = [PYTHON, ROOT / "scripts/demo_scene.py", *sys.argv[1:]]
        status = subprocess.run(command, cwd=ROOT, env=environment).returncode
        if status:
            stop(f"the demo failed with status {status}; the lines above say why.")


if __name__ == "__main__":
    main()
