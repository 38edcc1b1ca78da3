# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of asset catalogs beside a .blend file: lines of `uuid:path:name`, as Blender's manual describes it."""

FILE_NAME = "blender_assets.cats.txt"
IDENTITY = "5a4b0d2e-6a1c-4f57-9d3e-0c7c2b1f8a46"
"""Of our catalog, the same in every library, so that libraries can be merged."""
ENTRY = f"{IDENTITY}:Avatars:Avatars"
HEAD = "# Asset catalogs of this folder, for Blender.\n\nVERSION 1\n\n"


def with_catalog(text: str) -> str:
    """The list with our catalog in it; every other line as it was."""
    if any(line.split(":")[0].strip().lower() == IDENTITY for line in text.splitlines()):
        return text
    text = text if text.strip() else HEAD
    return text + ("" if text.endswith("\n") else "\n") + ENTRY + "\n"
