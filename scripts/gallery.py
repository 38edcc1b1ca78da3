#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/gallery.md: avatars as the shipped model makes them, chosen before they were seen.

    python scripts/gallery.py                    # everything; avatars that `--work` holds from this model are kept
    python scripts/gallery.py --preset high      # finer

Seeds 1 to 8, eight sentences, the committed portraits, also fitted to the photograph, four edits; standard preset,
nothing retried or left out.
"""

import argparse
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]
SIDE = 224
"""Of one view in the page's pictures, pixels."""
QUALITY = 88
INVERT = 100
"""Steps of fitting to the photograph."""
SENTENCES = (
    "an old woman with short grey hair and green eyes",
    "a young man with dark brown skin and an afro",
    "a woman with long red hair",
    "a middle-aged man with a full beard and round glasses",
    "a teenage girl with a blond ponytail",
    "an elderly man with white hair",
    "a man with a shaved head and a goatee",
    "a young woman with light brown skin and a black chin-length bob",
)
EDITS = (
    ("portrait_bluford", "add a beard"),
    ("sentence_3", "make her older"),
    ("seed_2", "red hair"),
    ("portrait_hopper", "remove the glasses"),
)
"""(avatar to change, how)."""


@dataclass(frozen=True)
class Entry:
    """One avatar of the page."""

    name: str
    caption: str
    command: str
    request: dict[str, Any]
    picture: Path | None = None
    """Shown before the avatar: the photograph."""
    source: str | None = None
    """Name of the avatar that is changed; its views are shown first."""


@dataclass(frozen=True)
class Made:
    """What the pipeline gave for an entry."""

    strip: np.ndarray
    """Front, three-quarter, side and back."""
    recipe: dict[str, Any]


def entries() -> list[Entry]:
    """What the page shows, in order; edits come after what they change."""
    made = [
        Entry(f"seed_{seed}", f"seed {seed}", f"maquette generate --seed {seed}", {"seed": seed})
        for seed in range(1, 9)
    ]
    for number, sentence in enumerate(SENTENCES, 1):
        command = f'maquette generate --sentence "{sentence}"'
        made.append(Entry(f"sentence_{number}", sentence, command, {"options": {"sentence": sentence}}))
    for path in sorted((ROOT / "assets/portraits").glob("*.jpg")):
        command = f"maquette generate --portrait assets/portraits/{path.name}"
        made.append(Entry(f"portrait_{path.stem}", path.stem, command, {}, picture=path))
    for path in sorted((ROOT / "assets/portraits").glob("*.jpg")):
        command = f"maquette generate --portrait assets/portraits/{path.name} --invert {INVERT}"
        asked = {"options": {"invert": INVERT}}
        made.append(Entry(f"fitted_{path.stem}", f"{path.stem}, fitted", command, asked, picture=path))
    for number, (source, sentence) in enumerate(EDITS, 1):
        command = f'maquette edit {source} --sentence "{sentence}"'
        request = {"kind": "edit", "options": {"sentence": sentence}}
        made.append(
            Entry(f"edit_{number}", f"{sentence} ({source.replace('_', ' ')})", command, request, source=source)
        )
    return made


def main() -> None:
    """Make what is missing, then the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=ROOT / "docs/gallery.md", help="the page; pictures lie beside it")
    parser.add_argument("--work", type=Path, default=ROOT / "runs/gallery", help="folder of avatars that are made")
    parser.add_argument("--preset", default="standard", help="draft, standard or high")
    flags = parser.parse_args()
    pictures = flags.page.parent / "images/gallery"
    pictures.mkdir(parents=True, exist_ok=True)
    from backend.faces.networks import FaceFinder
    from backend.synthesis import load

    made: dict[str, Made] = {}
    for entry, done in make(entries(), flags.work, flags.preset, load(), FaceFinder()):
        made[entry.name] = done
        (pictures / f"{entry.name}.jpg").write_bytes(jpeg(shown(entry, made)))
        print(entry.name, flush=True)
    from gallery_heads import kept_section

    before = flags.page.read_text(encoding="utf-8") if flags.page.exists() else ""
    flags.page.write_text(page(entries(), made, flags.preset) + kept_section(before), encoding="utf-8")


def make(wanted: list[Entry], work: Path, preset: str, synthesizer: Any, finder: Any) -> Iterator[tuple[Entry, Made]]:
    """Each avatar, read from the work folder where it was made by the same weights for the same request."""
    recipes: dict[str, dict[str, Any]] = {}
    work.mkdir(parents=True, exist_ok=True)
    for entry in wanted:
        before = recipes.get(entry.source or "", {})
        told = json.dumps([synthesizer.model_hash, preset, entry.request, before.get("source")])
        place = work / f"{entry.name}_{hashlib.sha256(told.encode()).hexdigest()[:12]}"
        if not place.with_suffix(".json").exists():
            strip, recipe = avatar(entry, before, preset, synthesizer, finder)
            Image.fromarray(strip).save(place.with_suffix(".png"))
            place.with_suffix(".json").write_text(json.dumps(recipe), encoding="utf-8")
        recipes[entry.name] = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
        yield entry, Made(np.asarray(Image.open(place.with_suffix(".png"))), recipes[entry.name])


def avatar(
    entry: Entry, before: dict[str, Any], preset: str, synthesizer: Any, finder: Any
) -> tuple[np.ndarray, dict[str, Any]]:
    """Four views and the recipe of an entry, through the whole pipeline; `before` is the recipe of what is edited."""
    from backend.pipeline.avatar import run
    from backend.pipeline.events import Finished, Painted, Shaped
    from backend.pipeline.request import AvatarRequest
    from backend.texture.preview import preview

    portrait = entry.picture.read_bytes() if entry.picture else None
    given = {"sources": (before["source"],), "seed": before["seed"]} if before else {}
    last: dict[type, Any] = {}
    for event in run(
        AvatarRequest(portrait=portrait, preset=preset, **given, **entry.request), synthesizer, lambda: finder
    ):
        last[type(event)] = event
    return preview(last[Shaped].mesh, last[Painted].textures, SIDE), last[Finished].recipe


def shown(entry: Entry, made: dict[str, Made]) -> np.ndarray:
    """The picture of an entry: photograph, or the avatar before the edit, then the avatar."""
    strip = made[entry.name].strip
    if entry.source:  # front and three-quarter, before and after
        return np.concatenate([made[entry.source].strip[:, : 2 * SIDE], strip[:, : 2 * SIDE]], 1)
    if entry.picture:
        photograph = Image.open(entry.picture).convert("RGB")
        photograph.thumbnail((SIDE, SIDE))
        frame = Image.new("RGB", (SIDE, SIDE), "white")
        frame.paste(photograph, ((SIDE - photograph.width) // 2, (SIDE - photograph.height) // 2))
        return np.concatenate([np.asarray(frame), strip], 1)
    return strip


def jpeg(picture: np.ndarray) -> bytes:
    """A uint8 picture [H, W, 3] as a small file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def page(wanted: list[Entry], made: dict[str, Made], preset: str) -> str:
    """The page as Markdown."""
    model = next(iter(made.values())).recipe["model"]["hash"]
    lines = [
        "# Gallery",
        "",
        "What the shipped model makes, uncurated: seeds, sentences, portraits and edits were written down in",
        "`scripts/gallery.py` before any of them was made, and all are shown; a new model makes them anew. Textured",
        f"meshes of the {preset} preset in a plain studio light: front, three-quarter, side and back.",
        "",
        f"`python scripts/gallery.py` makes this page; model `{model}`.",
    ]
    for title, kind, note in (
        ("Seeds", "seed", ""),
        ("Sentences", "sentence", "All with seed 0."),
        ("Portraits", "portrait", "The photograph, then the avatar; photographs are in the public domain."),
        ("Fitted to the photograph", "fitted", "The same, after some seconds of inversion."),
        ("Edits", "edit", "Front and three-quarter, before and after, at strength 1."),
    ):
        lines += ["", f"## {title}", ""] + ([note, ""] if note else [])
        for entry in wanted:
            if entry.name.startswith(f"{kind}_"):
                lines += [f"**{entry.caption}** · `{entry.command}`", ""]
                lines += [f"![{entry.caption}](images/gallery/{entry.name}.jpg)", ""]
                for told in made[entry.name].recipe["notes"]:
                    lines += [f"> {told}", ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    main()
