# SPDX-License-Identifier: GPL-3.0-or-later
import logging

import pytest

from backend.service.rarely import Rarely


def test_what_follows_too_soon_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    rarely = Rarely(logging.getLogger("test"), seconds=10, clock=lambda: now[0])
    for at in (0.0, 1.0, 9.9, 10.0, 11.0, 30.0):
        now[0] = at
        rarely.warning("no %s", "entry")
    assert [record.getMessage() for record in caplog.records] == [
        "no entry",
        "no entry (and 2 more like it before)",
        "no entry (and 1 more like it before)",
    ]
