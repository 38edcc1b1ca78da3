# SPDX-License-Identifier: GPL-3.0-or-later
import torch
from torch.nn import functional

from backend.synthesis.light import GAMMA, Light, lamp, plain_light, solve_light


def directions(count: int = 4000) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return functional.normalize(torch.randn(count, 3, generator=random), dim=-1)


def test_a_lamp_shines_as_the_clamped_cosine() -> None:
    towards = functional.normalize(torch.tensor([0.3, -0.5, 0.8]), dim=0)
    normals = directions()
    light = Light((lamp(towards) + torch.tensor([0.5] + [0.0] * 8))[:, None].repeat(1, 3))
    error = light.shading(normals)[:, 0] ** GAMMA - 0.5 - (normals @ towards).clamp_min(0)
    assert error.abs().max() < 0.1 and error.square().mean().sqrt() < 0.06


def test_light_from_the_side_is_found_and_does_not_become_colour() -> None:
    normals = directions()
    normals[:, 2] = normals[:, 2].abs()  # what a camera sees
    albedo = torch.rand(len(normals), 3, generator=torch.Generator().manual_seed(1)) * 0.6 + 0.2
    truth = plain_light().coefficients + 0.4 * lamp(torch.tensor([1.0, 0.0, 0.0]))[:, None]
    photograph = albedo * Light(truth).shading(normals)
    found = solve_light(albedo, photograph, normals, torch.ones(len(normals)))
    assert (photograph / found.shading(normals) - albedo).abs().mean() < 0.01


def test_what_is_not_seen_is_expected_and_outliers_are_not_believed() -> None:
    normals, expected = directions(), plain_light()
    albedo = torch.full((len(normals), 3), 0.5)
    nothing = solve_light(albedo, torch.zeros_like(albedo), normals, torch.zeros(len(normals)))
    torch.testing.assert_close(nothing.coefficients, expected.coefficients)
    photograph = albedo * expected.shading(normals)
    photograph[::10] = 0  # brows, beard
    found = solve_light(albedo, photograph, normals, torch.ones(len(normals)))
    assert (found.shading(normals) / expected.shading(normals) - 1).abs().max() < 0.05


def test_a_brown_person_is_believed_to_be_brown() -> None:
    normals = directions()
    fair, brown = torch.tensor([0.8, 0.65, 0.55]), torch.tensor([0.5, 0.36, 0.28])
    photograph = brown * plain_light().shading(normals)
    found = solve_light(fair.expand(len(normals), 3), photograph, normals, torch.ones(len(normals)))
    albedo = (photograph / found.shading(normals)).mean(0)
    hue = albedo / albedo.sum()
    assert (hue - brown / brown.sum()).abs().max() < (hue - fair / fair.sum()).abs().max()
