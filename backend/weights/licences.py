# SPDX-License-Identifier: GPL-3.0-or-later
"""Under which terms other people's weights stand, in our words; their full text comes from whoever publishes them."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

LONGEST = 200_000
"""Characters of a licence's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """What a user of converted weights must know."""

    name: str
    commercial: bool
    """Whether it allows commercial use."""
    terms: str
    """In one or two sentences."""
    text: str = ""
    """The full text, where it lay beside the checkpoint or was given."""

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Licence":
        """Rebuild from plain JSON. Raises KeyError where something is missing."""
        return cls(
            name=str(stored["name"]), commercial=bool(stored["commercial"]), terms=str(stored["terms"]),
            text=str(stored.get("text", "")),
        )  # fmt: skip


LICENCES = {
    "eg3d": Licence(
        name="NVIDIA Source Code License for EG3D",
        commercial=False,
        terms="Research and evaluation only, never commercially; the same holds for whatever is derived from the"
        " weights. Who passes them on passes on the licence's full text and all notices.",
    ),
    "panohead": Licence(
        name="CC BY-NC-SA 4.0, and the NVIDIA Source Code License for EG3D for what comes from there",
        commercial=False,
        terms="Never commercially; name the authors, say what was changed, and share what is derived from the weights"
        " under the same licence.",
    ),
    "triposr": Licence(
        name="MIT",
        commercial=True,
        terms="Any use, commercial too; who passes the weights on keeps the copyright notice and the licence's text.",
    ),
}
"""Of the published weights of each family."""


def find_text(checkpoint: Path) -> str:
    """The text of a file LICENSE, LICENCE or COPYING beside a checkpoint; empty where there is none to read."""
    try:
        for file in sorted(checkpoint.parent.iterdir()):
            if file.stem.upper() in ("LICENSE", "LICENCE", "COPYING") and file.is_file():
                return file.read_text(encoding="utf-8", errors="replace")[:LONGEST]
    except OSError as error:
        log.info("no licence was read beside %s: %s", checkpoint.name, error)
    return ""
