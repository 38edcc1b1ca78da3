# SPDX-License-Identifier: GPL-3.0-or-later
"""The complaint about a source that cannot be fitted."""


class SourceError(Exception):
    """A user's pictures or mesh cannot be used; `message` is one sentence, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint
