# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import pytest
import torch

from backend.adaptation.distillation import Words, combined, draw_times, opinion, surrogate, weigh
from backend.adaptation.errors import AdaptationError
from backend.adaptation.plan import Distillation
from tests.backend.adaptation.worlds import Ideal

PLAIN = Distillation(guidance=1.0, rescale=0.0, clamp=None, times=(0.2, 0.8), late=0.8, passes=1)


def descended(config: Distillation, steps: int = 400) -> torch.Tensor:
    """A batch of pictures after so many steps down the prior's opinion."""
    prior, random = Ideal(side=4), torch.Generator().manual_seed(0)
    words = Words.of(prior, "all of it red", "")
    pictures = torch.zeros(4, 3, 4, 4, requires_grad=True)
    optimiser = torch.optim.Adam([pictures], lr=0.05)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 - step / steps)
        latents = prior.encode(pictures)
        loss = surrogate(latents, opinion(prior, latents, words, config, random, step / steps).gradient)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return pictures.detach().mean((0, 2, 3))


@pytest.mark.parametrize("passes", [1, 3])
def test_distillation_ends_at_the_mode_of_an_exact_prior(passes: int) -> None:
    found = descended(replace(PLAIN, passes=passes))
    torch.testing.assert_close(found, torch.tensor([0.9, -0.9, -0.9]), atol=0.06, rtol=0)


@pytest.mark.parametrize("form", ["classifier", "noise-free"])
def test_other_forms_go_where_the_sentence_points(form: str) -> None:
    found = descended(replace(PLAIN, form=form), steps=60)
    assert found[0] > 0.3 and found[1] < -0.3 and found[2] < -0.3


def test_the_likelihood_form_leaves_the_noise_in() -> None:
    prior, latents = Ideal(side=4), torch.zeros(1, 3, 4, 4)
    words = Words.of(prior, "red")
    config = replace(PLAIN, weight="even")
    with_noise, without = (
        opinion(prior, latents, words, replace(config, form=form), torch.Generator().manual_seed(1)).gradient
        for form in ("likelihood", "distil")
    )
    random = torch.Generator().manual_seed(1)
    draw_times(1, 100, config, 0.0, random)
    torch.testing.assert_close(with_noise - without, torch.randn(1, 3, 4, 4, generator=random))


def test_the_surrogates_gradient_is_what_was_said() -> None:
    latents = torch.randn(2, 3, 4, 4, requires_grad=True)
    gradient = torch.randn(2, 3, 4, 4)
    surrogate(latents, gradient).backward()
    torch.testing.assert_close(latents.grad, gradient / gradient.numel())


def test_guidance_leads_away_from_nothing_and_can_keep_the_deviation() -> None:
    with_text, without = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 8, 8)
    plain = combined(with_text, without, replace(PLAIN, guidance=7.0))
    torch.testing.assert_close(plain, without + 7 * (with_text - without))
    kept = combined(with_text, without, replace(PLAIN, guidance=7.0, rescale=1.0))
    torch.testing.assert_close(kept.flatten(1).std(1), with_text.flatten(1).std(1))


def test_times_stay_in_their_range_and_narrow() -> None:
    config = replace(PLAIN, times=(0.1, 0.9), late=0.3)
    early = draw_times(512, 1000, config, 0.0, torch.Generator().manual_seed(0))
    late = draw_times(512, 1000, config, 1.0, torch.Generator().manual_seed(0))
    assert 100 <= early.min() < 110 and 890 < early.max() < 900
    assert 100 <= late.min() < 110 and 290 < late.max() < 300


def test_gradients_are_bounded_and_normalised_as_told() -> None:
    prior, latents = Ideal(side=4), 5 * torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(3))
    words = Words.of(prior, "red")
    bounded = opinion(prior, latents, words, replace(PLAIN, clamp=0.2), torch.Generator().manual_seed(0)).gradient
    assert bounded.abs().max() <= 0.2
    unit = opinion(prior, latents, words, replace(PLAIN, normalise=True), torch.Generator().manual_seed(0)).gradient
    torch.testing.assert_close(unit.square().mean((1, 2, 3)), torch.ones(2))


def test_weights_are_what_their_names_say() -> None:
    alpha = torch.tensor(0.36)[None, None, None, None]
    found = [float(weigh(alpha, replace(PLAIN, weight=name))) for name in ("variance", "even", "signal")]
    assert found == pytest.approx([0.64, 1.0, 0.64 * 0.6])


def test_impossible_times_are_refused() -> None:
    with pytest.raises(AdaptationError, match="two shares"):
        Distillation(times=(0.5, 0.4))
