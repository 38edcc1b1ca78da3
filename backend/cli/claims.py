# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette claims`: what the papers claim, tried at a small scale."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .progress import Bar

if TYPE_CHECKING:
    from backend.claims.run import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Try the papers' claims: R1, R1b, R3, R4, H5, H6 (generating), R2, H1, H1b, H2, H3, H4 (fitting), W1 to W7
    (rendering), D1 to D6 (adapting, refining). Minutes each; a claim that does not reproduce is an answer like any
    other, the exit status is 0."""

    ids: tuple[str, ...] = field(default=(), metadata={"positional": True})
    """Which claims; all unless named."""
    json: bool = False
    """Print a list of objects (id, published, ours, verdict, why) instead of a table."""
    seeds: int = 3
    """How often each experiment is repeated, with other people and another start; 3 or more."""
    out: Path = Path("runs/claims")
    """Folder of what is finished: a killed run goes on there, and what is there is not computed again."""
    again: bool = False
    """Compute also what is finished."""
    report: Path | None = None
    """Write all that is finished as a Markdown page with pictures, as docs/claims.md; they go into images/claims beside
    it."""
    pack: Path | None = None
    """Folder of the assets (otherwise MAQUETTE_PACK)."""
    minutes: float = 30.0
    """An experiment that takes longer is ended and counts as not reproduced."""
    size: Literal["default", "tiny"] = "default"
    """tiny: the same code in seconds, as the tests run it; its figures prove nothing."""


def run(flags: Flags) -> None:
    """Experiments in order; the table grows on standard output, progress goes to standard error."""
    import json

    from backend.claims.base import Settings
    from backend.claims.report import write_report
    from backend.claims.run import as_json, chosen, finished, run_claims
    from backend.studio.assets import Pack

    from .studio import find_pack

    names = chosen(flags.ids)
    pack = find_pack(flags.pack)
    settings = Settings(
        pack=pack, cache=flags.out / f"cache-{flags.size}", seeds=tuple(range(flags.seeds)), size=flags.size,
        minutes=flags.minutes,
    )  # fmt: skip
    Pack(pack)  # complain now rather than in the middle of an experiment
    results = []
    with Bar() as bar:
        for result in run_claims(names, settings, flags.out, bar.update, flags.again):
            results.append(result)
            if not flags.json:
                print(_row(result), flush=True)
    if flags.json:
        print(json.dumps([as_json(result) for result in results], indent=1))
    if flags.report is not None:
        write_report(finished(settings, flags.out), flags.report, _command(flags))


def _row(result: Result) -> str:
    sign = {True: "same sign", False: "opposite sign", None: "no figure"}[result.same_sign]
    sizes = f"published {result.published_text()}, ours {result.size_text()}, {sign}"
    return f"{result.claim.id:4}{result.verdict:15} {sizes}\n    {result.claim.title}.\n    {result.why}"


def _command(flags: Flags) -> str:
    size = "" if flags.size == "default" else f" --size {flags.size}"
    return f"maquette claims --seeds {flags.seeds}{size} --report {flags.report}"
