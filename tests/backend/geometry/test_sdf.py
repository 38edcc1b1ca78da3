# SPDX-License-Identifier: GPL-3.0-or-later
import math

import torch

from backend.geometry.sdf import BETA_LEAST, laplace_density, normals, spatial_beta
from tests.analytic import SphereField


def test_density_is_the_laplace_distribution_of_the_depth() -> None:
    beta = 0.02
    sdf = torch.linspace(-0.08, 0.08, 33)
    truth = torch.distributions.Laplace(0.0, beta).cdf(-sdf) / beta
    torch.testing.assert_close(laplace_density(sdf, beta), truth, atol=1e-4, rtol=1e-4)


def test_density_has_gradients_on_both_sides_and_for_both_inputs() -> None:
    sdf = torch.tensor([-0.01, 0.02], dtype=torch.float64, requires_grad=True)
    beta = torch.tensor([0.01, 0.005], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(laplace_density, (sdf, beta))


def test_beta_starts_at_a_hundredth_and_stays_above_its_least() -> None:
    raw = torch.tensor([-50.0, 0.0, 50.0])
    torch.testing.assert_close(spatial_beta(raw), torch.tensor([BETA_LEAST, 0.01, 0.0199]))


def test_normals_of_a_sphere_point_away_from_its_middle() -> None:
    outward = torch.nn.functional.normalize(torch.randn(200, 3), dim=-1)
    found = normals(SphereField(0.5), outward * 0.52)
    assert (found * outward).sum(-1).min() > math.cos(0.01)
