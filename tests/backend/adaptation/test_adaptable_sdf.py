# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.adaptation.adaptable import Adaptable
from backend.adaptation.adaptable_sdf import Shown, with_case
from backend.geometry.sampling import TwoPass
from backend.geometry.volume import render_rays
from tests.backend.adaptation.worlds import small_generator


def test_it_is_what_can_be_adapted() -> None:
    generator = small_generator()
    assert isinstance(generator, Adaptable)
    groups = generator.groups()
    learned = {id(parameter) for group in groups.values() for parameter in group.parameters}
    assert set(groups) == {"synthesis", "shape", "colour"}
    for name, parameter in generator.network.named_parameters():
        fixed = name.startswith("mapping") or ("heads" not in name and name.endswith(("bias", "noise_strength")))
        assert (id(parameter) in learned) != fixed, name


def test_what_shows_nothing_is_not_learned_through_and_not_missed() -> None:
    generator = small_generator()
    planes = generator.planes(generator.styles(generator.latents(1, torch.Generator().manual_seed(0)), 1.0))
    rays, found = generator.camera(0.3, 0.1).rays(16, 16), []
    for sampler in (TwoPass(24, 24), Shown(TwoPass(24, 24))):
        generator.network.heads.zero_grad()
        for parameter in generator.network.heads.parameters():
            parameter.requires_grad_(True)
        view = render_rays(generator.network.volume(planes.detach()), rays, sampler)
        view.rgb.square().mean().backward()
        gradient = torch.cat([p.grad.flatten() for p in generator.network.heads.parameters() if p.grad is not None])
        found.append((view.rgb.detach(), gradient, int((view.samples.deltas > 0).sum())))
    (rgb, gradient, count), (rgb_shown, gradient_shown, count_shown) = found
    assert count_shown < 0.35 * count
    assert (rgb - rgb_shown).abs().max() < 0.03
    assert torch.cosine_similarity(gradient, gradient_shown, 0) > 0.99


def test_nothing_at_all_can_still_be_learned_through() -> None:
    generator = small_generator()
    generator.network.heads.shape.bias.data[0] += 5  # nobody is there
    planes = generator.planes(generator.styles(generator.latents(1, torch.Generator().manual_seed(0)), 1.0))
    shot = generator.shoot(planes, planes, generator.camera(0.0, 0.0), 8, 8, None)
    assert shot.alpha.max() < 0.01 and shot.rgb.min() > 0.9


def test_a_frozen_copy_stays_and_shows_the_same() -> None:
    generator = small_generator()
    copy = generator.frozen()
    styles = generator.styles(generator.latents(1, torch.Generator().manual_seed(0)), 1.0)
    assert torch.equal(copy.planes(styles), generator.planes(styles))
    generator.network.synthesis.blocks[0].conv1.weight.data += 1
    assert not torch.equal(copy.planes(styles), generator.planes(styles))


def test_added_planes_change_nothing_at_first() -> None:
    plain = small_generator()
    wider = with_case(plain.model)
    styles = plain.styles(plain.latents(2, torch.Generator().manual_seed(0)), 1.0)
    assert torch.equal(wider.generator.planes(styles), plain.planes(styles))
    assert with_case(wider) is wider and wider.config.generator.case
