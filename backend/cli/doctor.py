# SPDX-License-Identifier: GPL-3.0-or-later
"""`maquette doctor`: what is missing on this machine, and what to do about it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

SIGNS = {"good": "ok  ", "note": "note", "bad": "BAD "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Look at device, weights, face networks, folders, keys, ports, Blender, versions and extras, and say what to do.

    The exit status is 1 where something keeps Maquette from working, else 0.
    """

    device: str = "auto"
    """Device that the backend is to compute on: auto, cpu, cuda, or cuda:1."""
    store: Path | None = None
    """The backend's folder; by default in the user's state folder."""
    port: int = 0
    """Port that the backend is to listen at; 0 for any."""
    json: bool = False
    """Print one JSON object per line instead of words."""


def run(flags: Flags) -> int:
    """Prints each finding as soon as it is there."""
    from backend.service.doctor import State, examine
    from blender_addon.protocol import default_store

    bad = 0
    for finding in examine(flags.store or default_store(), flags.device, flags.port):
        bad += finding.state is State.BAD
        if flags.json:
            print(json.dumps(asdict(finding)), flush=True)
        else:
            print(f"{SIGNS[finding.state]} {finding.name}: {finding.sentence}", flush=True)
            if finding.remedy:
                print(f"       {finding.remedy}", flush=True)
    return 1 if bad else 0
