# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators say, in the user's language: why they cannot run, and what came of it."""

import bpy

from ..translations import translated


def refused(operator: type[bpy.types.Operator], sentence: str) -> bool:
    """For `poll`: false, with the reason for the button's tooltip."""
    operator.poll_message_set(translated(sentence))
    return False


def tell(operator: bpy.types.Operator, kind: str, sentence: str) -> None:
    """A report: "INFO", "WARNING" or "ERROR"; where there is no window the last raises RuntimeError."""
    operator.report({kind}, translated(sentence))
