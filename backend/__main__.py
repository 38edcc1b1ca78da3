# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m backend VERB` and the console script `maquette`."""

import sys

from backend.cli.frame import run_command_line


def main() -> int:
    """Exit status of the command line."""
    return run_command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
