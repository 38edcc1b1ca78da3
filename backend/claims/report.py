# SPDX-License-Identifier: GPL-3.0-or-later
"""The full table as a Markdown page with pictures small enough to keep beside it."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from .base import plus_minus, spread
from .run import Result

WIDTH = 960
"""Widest picture, pixels."""
PICTURE_BYTES = 150_000
"""Largest picture; quality goes down until it fits."""
HEAD = """# Claims

What four papers claim, tried at a small scale on synthetic people. Every arm of an experiment gets the same number of
steps and the same seeds; figures are mean ± standard deviation over {seeds} seeds. Each claim says beforehand what must
be measured; what does not hold is reported as not reproduced, with the measured reason. Published figures were measured
by their authors on other data at a far larger scale: compare signs first, sizes with care.

`{command}` makes this page; one claim alone: `maquette claims {first}`. {cores}

| | claim | published | ours | same sign | verdict | minutes |
|---|---|---|---|---|---|---|
"""


def write_report(results: list[Result], page: Path, command: str) -> None:
    """Write the page, and its pictures into images/claims beside it; nothing else may be kept in that folder."""
    pictures = page.parent / "images" / "claims"
    pictures.mkdir(parents=True, exist_ok=True)
    for old in pictures.glob("*.jpg"):
        old.unlink()
    parts = [_head(results, command)]
    for result in results:
        parts.append(_section(result, pictures, page.parent))
    page.write_text("\n".join(parts), encoding="utf-8")


def encode(picture: np.ndarray, limit: int = PICTURE_BYTES) -> bytes:
    """A uint8 picture [H, W, 3] as JPEG of at most `limit` bytes, if any quality reaches that."""
    image = Image.fromarray(picture)
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    for quality in (90, 82, 74, 66, 55, 40):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= limit:
            break
    return file.getvalue()


def _head(results: list[Result], command: str) -> str:
    settings = results[0].settings
    count = len(os.sched_getaffinity(0))
    cores = f"Minutes are wall time on {count} {'core' if count == 1 else 'cores'}."
    head = HEAD.format(seeds=len(settings.seeds), command=command, first=results[0].claim.id, cores=cores)
    if settings.size != "default":
        head = head.replace("\n\n`", f"\n\n**Size `{settings.size}`: these figures prove nothing.**\n\n`", 1)
    rows = [
        f"| [{result.claim.id}](#{result.claim.id.lower()}) | {result.claim.title} | {result.published_text()} "
        f"| {result.size_text()} | {_yes(result.same_sign)} | {_bold(result)} | {result.seconds / 60:.1f} |"
        for result in results
    ]
    return head + "\n".join(rows) + "\n"


def _section(result: Result, pictures: Path, root: Path) -> str:
    claim, outcome = result.claim, result.outcome
    lines = [
        f"## {claim.id}",
        "",
        f"**{claim.title}.** {claim.source}",
        "",
        f"- Published: {claim.published}",
        f"- Must hold here: {claim.expected}",
        f"- Verdict: **{result.verdict}**. {result.why}",
        f"- `maquette claims {claim.id}`, {result.seconds / 60:.1f} minutes",
        "",
    ]
    if outcome is None:
        return "\n".join(lines)
    seeds = " | ".join(f"seed {seed}" for seed in result.settings.seeds)
    lines += [f"| measured | mean ± spread | {seeds} |", "|---|---|" + "---|" * len(result.settings.seeds)]
    for name, values in outcome.ours.items():
        digits = _digits(values)
        single = " | ".join(f"{value:.{digits}f}" for value in values)
        shown = f"**{name}**" if name == outcome.headline else name
        lines.append(f"| {shown} | {plus_minus(values, digits)} | {single} |")
    lines.append("")
    for number, (caption, picture) in enumerate(outcome.pictures.items()):
        path = pictures / f"{claim.id.lower()}_{number}.jpg"
        path.write_bytes(encode(picture))
        lines += [f"![{caption}]({path.relative_to(root).as_posix()})", "", f"*{caption}*", ""]
    return "\n".join(lines)


def _digits(values: list[float]) -> int:
    """Decimals that show the spread between seeds, and at least three figures of small values."""
    least = min(max(spread(values), 1e-6), max(max(map(abs, values)) / 10, 1e-6))
    return int(min(max(1 - np.floor(np.log10(least)), 2), 6))


def _yes(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "–"}[value]


def _bold(result: Result) -> str:
    return result.verdict if result.reproduced else f"**{result.verdict}**"
