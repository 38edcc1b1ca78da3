# SPDX-License-Identifier: GPL-3.0-or-later
"""Styles as clients see them: what Welcome says of them, which names are free, and who may delete one. No torch."""

from typing import Any

from backend.pipeline.adapt_request import ADAPT, KEEPS, OPTIONS
from backend.synthesis import available
from backend.weights import library
from blender_addon.protocol import ErrorCode, JobRequest

from .errors import JobError
from .store import Store

MOST = 100
"""Styles that there may be: a header has its limit, and so has the disk."""
LONGEST = 160
"""Of a text in what is told."""
TOLD = ("prompt", "model", "keep", "created", "job_id")
"""Of a style's recipe."""


def capabilities() -> dict[str, Any]:
    """What Welcome says of styles."""
    return {
        "adapt_options": list(OPTIONS),
        "keeps": list(KEEPS),
        "adaptable": list(library.adaptable()),
        "styles": told(),
    }


def told() -> dict[str, dict[str, Any]]:
    """The styles by name, the latest first, with what is worth showing of their recipes."""
    found = {name: _shown(entry) for name, entry in library.styles().items()}
    return dict(sorted(found.items(), key=lambda each: each[1]["created"], reverse=True)[:MOST])


def check_name(request: JobRequest) -> None:
    """Raises JobError where a new style would have the name of a generator that is there, or be one too many."""
    name = request.options.get("name")
    if request.kind != ADAPT:
        return
    if len(library.styles()) >= MOST:
        raise JobError(
            ErrorCode.BAD_REQUEST,
            f"There are {MOST} styles already, which is as many as a backend keeps.",
            "Delete one that is not needed any more.",
        )
    if not name:
        return
    if name in available() or name in library.SHIPPED or library.place(str(name)).exists():
        raise JobError(
            ErrorCode.BAD_REQUEST,
            f"There is a generator called {name} already.",
            "Choose another name, or delete that style first.",
        )


def discard(name: str, store: Store, account: str) -> None:
    """Deletes a style; behind the gate only for who made it. Raises JobError."""
    entry = library.styles().get(name) if library.NAME.fullmatch(name) else None
    if entry is None:
        raise JobError(ErrorCode.BAD_REQUEST, f"There is no style called {name!r:.60}.", "Look at the list again.")
    job_id = str((entry.recipe or {}).get("job_id", ""))
    if account and not (job_id and store.knows(job_id, account)):
        raise JobError(
            ErrorCode.BAD_REQUEST,
            f"The style {name} was made by somebody else, or too long ago to tell.",
            f"Who runs the backend can delete it: maquette styles --remove {name}",
        )
    try:
        library.remove(name)
    except library.LibraryError as error:
        raise JobError(ErrorCode.INTERNAL, error.message, error.hint) from error


def _shown(entry: library.Entry) -> dict[str, Any]:
    recipe = entry.recipe or {}
    plan = recipe.get("plan")
    whole = (plan if isinstance(plan, dict) else {}) | recipe
    shown = {name: str(whole.get(name, ""))[:LONGEST] for name in TOLD}
    return shown | {"inputs": list(entry.inputs)}
