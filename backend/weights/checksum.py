# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the weights are the shipped ones, byte for byte; no torch.

`sums.json` holds the sum of every weight file of the package. Who adds or replaces one on purpose runs
`python -m backend.weights.checksum`.
"""

import hashlib
import json
from pathlib import Path

PACKAGE = Path(__file__).parent.parent
SUMS = Path(__file__).with_name("sums.json")
FOLDERS = ("weights", "evaluation", "faces")
"""Of the package, where weights are shipped."""
WEIGHTS = Path(__file__).with_name("default.safetensors")


def sha256(path: Path = WEIGHTS) -> str:
    """Of the file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def expected(package: Path = PACKAGE) -> dict[str, str]:
    """Path within the package -> what the file's sum should be; empty where that cannot be read."""
    try:
        told = json.loads((package / SUMS.relative_to(PACKAGE)).read_text("utf-8"))
        return {str(name): str(sum_of) for name, sum_of in told.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def present(package: Path = PACKAGE) -> dict[str, Path]:
    """Path within the package -> the file, of all weights that are there."""
    found = (path for folder in FOLDERS for path in (package / folder).glob("*.safetensors"))
    return {path.relative_to(package).as_posix(): path for path in sorted(found)}


def seal(package: Path = PACKAGE) -> None:
    """Makes the files as they are the expected ones."""
    sums = {name: sha256(path) for name, path in present(package).items()}
    (package / SUMS.relative_to(PACKAGE)).write_text(json.dumps(sums, indent=2) + "\n")


if __name__ == "__main__":
    seal()
