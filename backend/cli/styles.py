# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette styles`: the generators that sentences made of others."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .frame import Complaint

if TYPE_CHECKING:
    from backend.weights.library import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """List the styles: generators that a sentence changed (maquette adapt, or Styles in the panel).

    A style makes avatars like any generator: maquette generate --synthesizer NAME --seed 3 --out FOLDER
    """

    recipe: str | None = None
    """Print how this one was made, as JSON."""
    remove: tuple[str, ...] = ()
    """Delete these; avatars that were made with them stay."""


def run(flags: Flags) -> None:
    """Lists, shows or deletes."""
    from backend.weights import library

    if flags.recipe is not None:
        print(json.dumps(_style(flags.recipe).recipe, indent=2, ensure_ascii=False))
        return
    for name in flags.remove:
        _style(name)
        library.remove(name)
        print(f"{name}: deleted")
    found = library.styles()
    if not flags.remove:
        print("\n".join(map(_line, found.values())) or f"no styles in {library.folder()}; {ADVICE}")


ADVICE = 'make one: maquette adapt "a marble statue" --out marble'


def _line(entry: Entry) -> str:
    recipe = entry.recipe or {}
    size = entry.path.stat().st_size / (1 << 20)
    made = f"of {recipe.get('model', '?')}, {str(recipe.get('created', ''))[:10]}, {size:.0f} MiB"
    return f"{entry.name:<24} “{recipe.get('prompt', '')}” ({made})"


def _style(name: str) -> Entry:
    from backend.weights import library

    found = library.styles()
    if name not in found:
        known = f"There are {', '.join(found)}." if found else f"There are none; {ADVICE}"
        raise Complaint(f"there is no style called {name}", known)
    return found[name]
