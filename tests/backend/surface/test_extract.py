# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest

from backend.surface.extract import extract
from tests.analytic import BustField, SphereField


def test_volume_of_a_sphere() -> None:
    mesh = extract(SphereField(0.6), 64)
    assert mesh.is_closed() and mesh.euler() == 2
    assert abs(mesh.volume() / (4 / 3 * np.pi * 0.6**3) - 1) < 0.005


def test_the_error_falls_with_the_square_of_the_cell() -> None:
    errors = [np.abs(np.linalg.norm(extract(SphereField(0.6), n).vertices, axis=1) - 0.6).mean() for n in (32, 64)]
    assert errors[1] < errors[0] / 3


def test_a_bust_is_closed_by_a_flat_base() -> None:
    mesh = extract(BustField(), 64)
    assert mesh.is_closed() and mesh.volume() > 0
    low = mesh.vertices[mesh.vertices[:, 1] < -1 + 1.01 / 64]
    assert len(low) > 50
    assert np.ptp(low[:, 1]) < 1e-6


def test_a_field_without_surface_is_refused() -> None:
    with pytest.raises(ValueError, match="no surface"):
        extract(SphereField(-1.0), 32)
    with pytest.raises(ValueError, match="multiple of 4"):
        extract(SphereField(), 30)
