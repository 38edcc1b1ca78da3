# SPDX-License-Identifier: GPL-3.0-or-later
"""The light of a photograph: second-order spherical harmonics per colour, solved for with a prior towards white lamps.

A photograph shows albedo times light, and no picture tells one from the other. What is known beforehand decides: light
is nearly white, soft, brighter from above and before; the avatar's albedo is roughly right already. Pictures here are
encoded with a plain power of 2.2, as the portraits that the model learned from are, so that light is a factor on the
encoded values, too: (albedo^2.2 * light)^(1/2.2) = albedo * light^(1/2.2).
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

GAMMA = 2.2
AMBIENT, LAMP, LAMP_FROM = 0.55, 0.55, (0.0, 0.5, 0.9)
"""The light that is expected: white from everywhere, and as much from above and before."""
GREY_DEVIATION = (0.3, 0.25, 0.25, 0.25, 0.12, 0.12, 0.12, 0.12, 0.12)
"""Deviations of the coefficients that the colours share: how bright it is and from where is hardly known."""
TINT_DEVIATION = (0.03, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01)
"""Deviations of what a colour adds to them: brown skin under white light is likelier than fair skin under brown."""
NOISE = 0.1
"""Deviation of albedo times light from the photograph, encoded values, of what `EVIDENCE` points say together."""
EVIDENCE = 12
"""Points that count as independent: the albedo is wrong over whole regions at once, skin, hair, clothes."""
OUTLIER = 0.15
"""Difference beyond which a point counts less: eyebrows are no shadows (Cauchy weights)."""
ROUNDS = 3
"""Solutions, each with the weights that the former gives."""
DARKEST = 0.05
"""Least light, so that nothing is divided by darkness."""


@dataclass(frozen=True, slots=True)
class Light:
    """Light that comes from far away, by the direction in which a surface faces."""

    coefficients: Float[Tensor, "9 3"]
    """Linear light for each of `harmonics`, red, green and blue."""

    def shading(self, normals: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 3"]:
        """The factor on sRGB-encoded albedo where a surface faces unit normals, world frame."""
        return (harmonics(normals) @ self.coefficients).clamp_min(DARKEST) ** (1 / GAMMA)


def harmonics(normals: Float[Tensor, "*N 3"]) -> Float[Tensor, "*N 9"]:
    """Spherical harmonics of degree 0 to 2 without their constants, at unit normals."""
    x, y, z = normals.unbind(-1)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, x * z, 3 * z * z - 1, x * x - y * y], -1)


def lamp(towards: Float[Tensor, " 3"]) -> Float[Tensor, " 9"]:
    """Coefficients of one white lamp in a direction (unit vector), the clamped cosine up to degree 2.

    max(c, 0) is 1/4 + c/2 + 5/16 P2(c) + ... (Ramamoorthi and Hanrahan 2001, eq. 8).
    """
    x, y, z = towards.unbind()
    constant, linear, square = torch.full_like(x, 1 / 4), torch.full_like(x, 1 / 2), torch.full_like(x, 15 / 32)
    bands = [constant, linear * x, linear * y, linear * z]
    bands += [2 * square * x * y, 2 * square * y * z, 2 * square * x * z]
    return torch.stack([*bands, square * (3 * z * z - 1) / 6, square * (x * x - y * y) / 2])


def plain_light() -> Light:
    """The light that is expected before anything is seen."""
    grey = LAMP * lamp(functional.normalize(torch.tensor(LAMP_FROM), dim=0))
    grey[0] += AMBIENT
    return Light(grey[:, None].repeat(1, 3))


def solve_light(
    albedo: Float[Tensor, "N 3"],
    photograph: Float[Tensor, "N 3"],
    normals: Float[Tensor, "N 3"],
    weights: Float[Tensor, " N"],
) -> Light:
    """The most probable light under which an albedo looks like a photograph (both sRGB-encoded), by point.

    Least squares in the encoded values' first order, with Gaussian priors on what colours share and on their tints;
    without any weight the answer is `plain_light`.
    """
    expected = plain_light().coefficients.to(albedo)
    basis = harmonics(normals)
    linear = albedo.clamp(0.02, 1) ** GAMMA
    wanted = photograph.clamp(0.005, 1) ** GAMMA - linear * (basis @ expected)
    deviations = torch.tensor([*GREY_DEVIATION, *(3 * TINT_DEVIATION)], dtype=torch.float64)
    evidence = weights[:, None] * (EVIDENCE / NOISE**2 / weights.sum().clamp_min(1e-6))
    trust, change = torch.ones_like(albedo), torch.zeros_like(expected)
    for _ in range(ROUNDS):
        lit = linear * (basis @ (expected + change)).clamp_min(DARKEST)
        # An encoded value changes so much with its linear one.
        slope = lit ** (1 / GAMMA - 1) / GAMMA
        counts = evidence * trust * slope.square()
        left, right = torch.diag(deviations**-2), torch.zeros(36, dtype=torch.float64)
        for colour in range(3):
            rows = basis * linear[:, colour, None]
            squares = (rows.t() @ (rows * counts[:, colour, None])).double().cpu()
            moments = (rows.t() @ (wanted[:, colour] * counts[:, colour])).double().cpu()
            own = slice(9 + 9 * colour, 18 + 9 * colour)
            for first in (slice(0, 9), own):
                right[first] += moments
                for second in (slice(0, 9), own):
                    left[first, second] += squares
        solution = torch.linalg.solve(left, right).to(albedo)
        change = solution[:9, None] + solution[9:].reshape(3, 9).t()
        error = albedo * Light(expected + change).shading(normals) - photograph
        trust = 1 / (1 + (error / OUTLIER).square())
    return Light(expected + change)
