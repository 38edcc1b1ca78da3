# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.geometry.fields import TriplaneField
from backend.geometry.triplane import Triplane
from backend.models.decoder import DecoderConfig, FieldDecoder


@pytest.fixture
def field() -> TriplaneField:
    torch.manual_seed(0)
    return TriplaneField(Triplane(torch.randn(1, 3, 8, 16, 16)), FieldDecoder(DecoderConfig(channels=8, hidden=16)))


def test_lattice_equals_asking_point_by_point(field: TriplaneField) -> None:
    line = torch.linspace(-1, 1, 12)
    points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    torch.testing.assert_close(field.lattice(12).reshape(-1), field.sdf(points), atol=1e-5, rtol=1e-4)


def test_colours_are_displayable(field: TriplaneField) -> None:
    colour = field.rgb(torch.rand(20_000, 3) * 2 - 1)
    assert colour.shape == (20_000, 3) and colour.min() >= 0 and colour.max() <= 1


def test_a_batch_is_no_field(field: TriplaneField) -> None:
    with pytest.raises(ValueError, match="one avatar"):
        TriplaneField(Triplane(torch.zeros(2, 3, 8, 4, 4)), field.decoder)
