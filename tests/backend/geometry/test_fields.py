# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.geometry.fields import PlanesField, SoftField, TriplaneField, VolumeField
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


def test_values_are_distance_colour_and_the_decoders_softness(field: TriplaneField) -> None:
    points = torch.rand(20_000, 3) * 2 - 1
    values = field.values(points)
    torch.testing.assert_close(values.sdf, field.sdf(points))
    torch.testing.assert_close(values.rgb, field.rgb(points))
    assert (values.beta == field.decoder.config.softness).all()


def test_planes_in_training_say_the_same_with_gradients(field: TriplaneField) -> None:
    planes = field.triplane.planes.clone().requires_grad_(True)
    points = torch.rand(50, 3) * 2 - 1
    values = PlanesField(planes, field.decoder).values(points)
    torch.testing.assert_close(values.sdf.detach(), field.sdf(points))
    values.sdf.sum().backward()
    assert planes.grad is not None and planes.grad.abs().sum() > 0


def test_a_soft_field_is_equally_soft_everywhere(field: TriplaneField) -> None:
    points = torch.rand(30, 3)
    soft = SoftField(field, 0.02)
    assert isinstance(soft, VolumeField) and isinstance(field, VolumeField)
    torch.testing.assert_close(soft.values(points).sdf, field.sdf(points))
    assert (soft.values(points).beta == 0.02).all()
    with pytest.raises(ValueError, match="above 0"):
        SoftField(field, 0.0)
