# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of the two fitting stages reached: quality on held-out views, cost, and how much was forgotten."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..training.replay import Memory, load_shared, memories
from ..training.subjects import Subjects


def fitting_report(subjects: Subjects, run: Path, index: Path | None = None) -> dict[str, Any]:
    """Figures of a run of task replay, and of stage 2 where its index is given.

    PSNR in dB over white, held-out views, antialiased on both sides; seconds are those of one person's stage 2.
    """
    shared = load_shared(run)
    report: dict[str, Any] = {
        "resolution": shared.config.planes.resolution,
        "channels": shared.config.planes.channels,
        "people": len(subjects),
        "stage1": {"visits": shared.config.visits, "steps": shared.config.steps, **forgetting(memories(subjects, run))},
    }
    if index is not None:
        entries = json.loads(index.read_text())
        report["stage2"] = quality({name: entries[name] for name in subjects.names if name in entries})
    return report


def forgetting(found: list[Memory]) -> dict[str, Any]:
    """Quality right after each person's last visit and with the final decoder, by tenths in the order of visits."""
    if not found:
        return {"psnr": None, "change": None}
    change = np.array([memory.now - memory.then for memory in found])
    tenth = max(1, round(len(found) / 10))
    return {
        "psnr_then": _mean([memory.then for memory in found]),
        "psnr": _mean([memory.now for memory in found]),
        "change": _mean(change),
        "worst_change": round(float(change.min()), 3),
        "first_tenth_change": _mean(change[:tenth]),
        "first_tenth_worst_change": round(float(change[:tenth].min()), 3),
        "people": {memory.name: [round(memory.then, 3), round(memory.now, 3)] for memory in found},
    }


def quality(entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Means and extremes over the people of a stage 2 index."""
    problems = {name: entry["problem"] for name, entry in entries.items() if "problem" in entry}
    figures = {name: entry["figures"] for name, entry in entries.items() if "figures" in entry}
    judged = [one for one in figures.values() if one["psnr"] is not None]
    result: dict[str, Any] = {"fitted": len(figures), "problems": problems}
    if figures:
        result["seconds_per_person"] = _mean([one["seconds"] for one in figures.values()])
    if judged:
        result |= {
            "psnr": _mean([one["psnr"] for one in judged]),
            "least_psnr": min(one["psnr"] for one in judged),
            "start_psnr": _mean([one["start_psnr"] for one in judged]),
            "db_per_second": _mean([one["db_per_second"] for one in judged]),
            "people": {name: one["psnr"] for name, one in figures.items()},
        }
    return result


def _mean(values: Any) -> float:
    return round(float(np.mean(values)), 3)
