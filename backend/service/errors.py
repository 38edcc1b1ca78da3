# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service reports instead of failing.

ServiceError        the server cannot start, or cannot do what is asked: `message`, `hint`
└── JobError        a runner ends its job: `code` as in `Failed`
"""

from blender_addon.protocol import ErrorCode


class ServiceError(Exception):
    """`message` is one sentence for a person, `hint` what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class JobError(ServiceError):
    """The reason a job ends without a result."""

    def __init__(self, code: ErrorCode, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code
