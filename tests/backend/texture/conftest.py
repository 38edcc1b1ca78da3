# SPDX-License-Identifier: GPL-3.0-or-later
"""A bust that is ready to be painted."""

import pytest

from backend.surface.clean import clean
from backend.surface.extract import extract
from backend.surface.mesh import Mesh
from backend.surface.unwrap import unwrap
from tests.analytic import BustField


@pytest.fixture(scope="session")
def bust() -> Mesh:
    return unwrap(clean(extract(BustField(), 48), 1500), 256)
