# SPDX-License-Identifier: GPL-3.0-or-later
"""The samples of docs/scripting.md, by the word behind `python` in their fences."""

import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "scripting.md"


def sample(kind: str) -> str:
    """All samples of a kind, in order, as one script: later ones go on from earlier ones."""
    found = re.findall(rf"^```python {kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) >= 3
    return "\n".join(found)
