#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's second command: environment, style, types, all tests. Arguments go to pytest.

`python3 scripts/test.py -k portrait` runs a part of the tests in the same environment.
"""

import os
import subprocess
import sys
import time

from environment import PYTHON, ROOT, prepare, say, threads

CHECKS = {
    "style": ["ruff", "check", "."],
    "format": ["ruff", "format", "--check", "."],
    "types": ["mypy"],
}


def main() -> int:
    """Exit status: 0 when every check and every test passed."""
    start = time.monotonic()
    prepare()
    environment = {**os.environ, **threads()}
    failed = []
    for name, command in CHECKS.items():
        say(name)
        if subprocess.run([PYTHON, "-m", *command], cwd=ROOT, env=environment).returncode:
            failed.append(name)
    if failed:
        say(f"failed so far: {', '.join(failed)}")
    say(f"tests, after {time.monotonic() - start:.0f} s")
    tests = subprocess.run([PYTHON, "-m", "pytest", *sys.argv[1:]], cwd=ROOT, env=environment)
    return 1 if failed else tests.returncode


if __name__ == "__main__":
    sys.exit(main())
