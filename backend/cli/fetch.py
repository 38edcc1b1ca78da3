# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette fetch`: the files that are not part of the package."""

from dataclasses import dataclass

from .progress import Bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Get the face networks (36 MB to download, 2.4 MB kept) into the cache; MAQUETTE_CACHE moves it."""

    force: bool = False
    """Get them again even if they are there and intact."""


def run(flags: Flags) -> None:
    """Says where the files are."""
    from backend.faces import files

    folder = files.cache_folder() / "faces"
    if flags.force or not files.intact(folder):
        with Bar() as bar:
            bar.update("fetching the face networks", 0.0)
            files.fetch(folder)
    print(f"face networks: {folder}")
