# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: one file per verb, imported only when its verb is called.

A verb's file `backend/cli/VERB.py` holds

- `Flags`, a frozen, keyword-only dataclass with defaults: a field `grid_size: int = 3` is the flag `--grid-size`;
  the string under a field is its help, the class docstring the verb's; a field without default is required;
  `field(metadata={"positional": True})` makes it a plain argument. Types: str, int, float, bool (`--x`; `--no-x` where
  the default is on), Path, `range` (written `A:B` or `N`), Literal, tuple[T, ...] (one or more values), and `T | None`;
- `run(flags: Flags) -> int | None`, a few lines that call the library; the result is the exit status.

Nothing heavy may be imported at the top of a verb's file: `--help` answers at once. An exception with `message` and
`hint` attributes (as `frame.Complaint`) ends the program with those two lines instead of a traceback. Long work shows
`progress.Bar`.
"""

VERBS = {
    "serve": "start the backend that Blender and other programs connect to",
    "doctor": "say what is missing on this machine, and what to do about it",
    "keys": "show or make the keys of an encrypted line to another machine",
    "generate": "make an avatar from a portrait, a sentence, a seed, or a mix of them",
    "edit": "change an avatar as a sentence says",
    "blend": "make the avatar between two others",
    "refine": "repaint a head in a file from a portrait, a sentence or both, and leave all else as it is",
    "populate": "put a crowd into a Blender scene, as a JSON file describes it",
    "convert": "make a generator of another system's published checkpoint",
    "adapt": "change a generator as a sentence says: everybody a marble statue, everybody with green hair",
    "styles": "list, show and delete the generators that sentences made of others",
    "fetch": "get the files that are not part of the package (face networks)",
    "studio": "make synthetic people to learn from",
    "fit": "fit the studio's people, your pictures with cameras, or your mesh",
    "train": "train the generator on fitted people",
    "evaluate": "measure the generator on people it has never seen",
    "claims": "try what the papers claim, at a small scale",
}
"""Verb -> what it does, in one line; the top-level help shows it without importing anything."""
