# SPDX-License-Identifier: GPL-3.0-or-later
"""What adaptation refuses."""


class AdaptationError(Exception):
    """A wish that cannot be fulfilled: a prior, a generator or a plan that does not fit."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint
