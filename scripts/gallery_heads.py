#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The section of docs/gallery.md about the SDF GAN that ships: 32 heads that nobody chose, their normals, and avatars.

    python scripts/gallery_heads.py                           # pictures and section
    python scripts/gallery_heads.py --weights gan.safetensors --out sheets --no-page    # of a run that goes on

Seeds 0 to 31 in their order, as the volume is rendered, at the truncation that the product uses; then four of them as
textured meshes, and styles between and across two of them.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]
PEOPLE, COLUMNS = 32, 8
SIDE, STRIP_SIDE = 128, 224
TURN, LIFT = 0.35, 0.05
"""From where heads are seen, radians."""
AVATARS = (1, 2, 3, 4)
BEGIN, END = "<!-- heads: scripts/gallery_heads.py -->", "<!-- end of heads -->"


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, help="a model other than the shipped one")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/gallery.md")
    parser.add_argument("--out", type=Path, help="folder of the pictures; images/gallery beside the page unless told")
    parser.add_argument("--no-page", action="store_true", help="pictures of volumes alone, no page and no avatars")
    parser.add_argument("--truncation", type=float, default=0.7)
    parser.add_argument("--preset", default="standard", help="of the avatars: draft, standard or high")
    flags = parser.parse_args()
    from backend.weights import library
    from backend.weights.sdf_gan import load_sdf_gan

    entry = library.read_entry(flags.weights or library.SHIPPED["heads"])
    model, out = load_sdf_gan(entry), flags.out or flags.page.parent / "images/gallery"
    out.mkdir(parents=True, exist_ok=True)
    colours, normals = sheet(model.generator, flags.truncation)
    save(out / "heads_colours.jpg", colours)
    save(out / "heads_normals.jpg", normals)
    save(out / "heads_styles.jpg", styles(model.generator, flags.truncation))
    if flags.no_page:
        return
    for seed in AVATARS:
        save(out / f"heads_seed_{seed}.jpg", avatar(seed, flags.preset))
    told = flags.page.read_text(encoding="utf-8")
    flags.page.write_text(with_section(told, section(entry.model_hash, flags.truncation)), encoding="utf-8")


def sheet(generator: Any, truncation: float) -> tuple[np.ndarray, np.ndarray]:
    """Colours and normals of the first seeds, bytes [H, W, 3] each."""
    pictures = [draw(generator, drawn(generator, seed, truncation)) for seed in range(PEOPLE)]
    colours, normals = (tiled([picture[kind] for picture in pictures]) for kind in (0, 1))
    return colours, normals


def styles(generator: Any, truncation: float) -> np.ndarray:
    """Above people between two, below the coarse layers of the first with ever more fine ones of the second."""
    first, second = (drawn(generator, seed, truncation) for seed in AVATARS[:2])
    between = [draw(generator, torch.lerp(first, second, k / (COLUMNS - 1)))[0] for k in range(COLUMNS)]
    mixed = []
    for column in range(COLUMNS):
        cut = round((1 - column / (COLUMNS - 1)) * first.shape[1])
        mixed.append(draw(generator, torch.cat([first[:, :cut], second[:, cut:]], 1))[0])
    return tiled([*between, *mixed])


def drawn(generator: Any, seed: int, truncation: float) -> torch.Tensor:
    """The styles of a seed, as the product draws them."""
    config = generator.config.mapping
    z = torch.randn(1, config.z, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return generator.styles(z, None, truncation)


@torch.no_grad()
def draw(generator: Any, chosen: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Colours and normals of one head."""
    from backend.geometry.cameras import orbit
    from backend.geometry.interpolated import Interpolated
    from backend.geometry.volume import volume_render
    from backend.training.gan_sheet import facing

    camera = orbit(TURN, LIFT)
    view = volume_render(generator.volume(generator.planes(chosen)), camera, SIDE, SIDE, Interpolated(48, 24))
    colours, normals = ((part.clamp(0, 1) * 255).round().byte().numpy() for part in (view.rgb, facing(view, camera)))
    return colours, normals


def avatar(seed: int, preset: str) -> np.ndarray:
    """Four views of the textured mesh of a seed."""
    from gallery import Entry
    from gallery import avatar as made

    from backend.faces.networks import FaceFinder
    from backend.synthesis import load

    strip, _ = made(Entry("", "", "", {"seed": seed}), {}, preset, load("heads"), FaceFinder())
    return strip


def tiled(pictures: list[np.ndarray]) -> np.ndarray:
    """Rows of `COLUMNS` pictures."""
    rows = [np.concatenate(pictures[k : k + COLUMNS], 1) for k in range(0, len(pictures), COLUMNS)]
    return np.concatenate(rows)


def save(path: Path, picture: np.ndarray) -> None:
    """As a small file."""
    Image.fromarray(picture).save(path, "JPEG", quality=88, optimize=True)


def section(model: str, truncation: float) -> str:
    """What the page says, as Markdown."""
    lines = [
        BEGIN,
        "## Heads of the SDF GAN",
        "",
        f"Seeds 0 to {PEOPLE - 1} of the generator `heads` (docs/gan.md), in order, at truncation {truncation:g}: the",
        f"volume itself, {SIDE} pixels a side, no mesh and no texture yet. `python scripts/gallery_heads.py`; model",
        f"`{model}`.",
        "",
        "![32 heads](images/gallery/heads_colours.jpg)",
        "",
        "![Their normals](images/gallery/heads_normals.jpg)",
        "",
        f"From seed {AVATARS[0]} to seed {AVATARS[1]}: styles interpolated, and below fine layers exchanged, last ones",
        "first.",
        "",
        "![Interpolated and mixed styles](images/gallery/heads_styles.jpg)",
        "",
        "As textured meshes:",
        "",
    ]
    for seed in AVATARS:
        lines += [f"**seed {seed}** · `maquette generate --synthesizer heads --seed {seed}`", ""]
        lines += [f"![heads, seed {seed}](images/gallery/heads_seed_{seed}.jpg)", ""]
    return "\n".join([*lines, END])


def with_section(page: str, fresh: str) -> str:
    """A page with this section in place of an older one, or at its end."""
    before, found, rest = page.partition(BEGIN)
    after = rest.partition(END)[2] if found else ""
    return before.rstrip() + "\n\n" + fresh + "\n" + after.lstrip("\n")


def kept_section(page: str) -> str:
    """The section of a page, with the line before it; nothing where there is none."""
    _, found, rest = page.partition(BEGIN)
    return f"\n{BEGIN}{rest.partition(END)[0]}{END}\n" if found else ""


if __name__ == "__main__":
    main()
