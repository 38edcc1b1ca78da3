# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of outcomes: renders side by side with their labels, error maps, curves over a few places."""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw

LABEL = 14
"""Height of a line of text, pixels."""
HEAT = np.array([[0, 0, 0], [0.35, 0.05, 0.35], [0.8, 0.15, 0.2], [1, 0.6, 0.1], [1, 1, 0.85]])
COLOURS = ((31, 119, 180), (214, 69, 65), (44, 140, 60), (148, 103, 189), (200, 130, 20), (80, 80, 80))


def heat(values: np.ndarray, top: float) -> np.ndarray:
    """Values [H, W] from 0 (black) to `top` (pale yellow) as colours [H, W, 3] in [0, 1]."""
    level = np.clip(values / top, 0, 1)
    places = np.linspace(0, 1, len(HEAT))
    return np.stack([np.interp(level, places, HEAT[:, channel]) for channel in range(3)], -1)


def error_map(picture: np.ndarray, truth: np.ndarray, top: float = 0.25) -> np.ndarray:
    """Mean absolute difference of two pictures in [0, 1] as heat."""
    return heat(np.abs(picture - truth).mean(-1), top)


def grid(rows: Sequence[Sequence[np.ndarray]], columns: Sequence[str], side: int = 160) -> np.ndarray:
    """Pictures [H, W, 3] in [0, 1] as a labelled grid, uint8; each is enlarged or shrunk to `side`."""
    sheet = Image.new("RGB", (side * len(columns), LABEL + side * len(rows)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, label in enumerate(columns):
        draw.text((column * side + 3, 1), label, fill="black")
        for row, pictures in enumerate(rows):
            shown = Image.fromarray((np.clip(pictures[column], 0, 1) * 255 + 0.5).astype(np.uint8))
            sheet.paste(shown.resize((side, side), Image.Resampling.BICUBIC), (column * side, LABEL + row * side))
    return np.asarray(sheet)


def curves(
    lines: Mapping[str, Sequence[float]], places: Sequence[str], y_label: str, width: int = 480, height: int = 280
) -> np.ndarray:
    """A small chart, uint8: one line for each name over the same places, from the least to the greatest value."""
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    left, right, top, bottom = 58, width - 12, 12 + LABEL, height - 2 * LABEL - 8
    every = [value for values in lines.values() for value in values]
    low, high = min(every), max(every)
    reach = max(high - low, 1e-9)
    across = [left + (right - left) * (k + 0.5) / len(places) for k in range(len(places))]
    down = lambda value: bottom - (bottom - top) * (value - low) / reach  # noqa: E731
    draw.text((4, 1), y_label, fill="black")
    for share in (0.0, 0.5, 1.0):
        level = down(low + share * reach)
        draw.line([(left, level), (right, level)], fill=(220, 220, 220))
        draw.text((4, level - 6), f"{low + share * reach:.4g}", fill="black")
    for x, place in zip(across, places, strict=True):
        draw.text((x - 3 * len(place), bottom + 3), place, fill="black")
    legend = left
    for k, (name, values) in enumerate(lines.items()):
        colour = COLOURS[k % len(COLOURS)]
        spots = [(x, down(value)) for x, value in zip(across, values, strict=True)]
        draw.line(spots, fill=colour, width=2)
        for x, y in spots:
            draw.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour)
        draw.text((legend, height - LABEL - 2), name, fill=colour)
        legend += 7 * len(name) + 14
    return np.asarray(sheet)
