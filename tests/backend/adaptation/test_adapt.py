# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.adaptation.adapt import RESULT, Adapted, adapt, diversity
from backend.adaptation.adaptable_sdf import AdaptableSdfGan
from backend.adaptation.errors import AdaptationError
from backend.adaptation.plan import AdaptPlan, Distillation
from backend.synthesis.base import Progress
from backend.weights.library import read_entry
from backend.weights.sdf_gan import load_sdf_gan
from tests.backend.adaptation.worlds import Ideal, small_generator

GENTLE = Distillation(guidance=1.0, rescale=0.0, clamp=None, times=(0.15, 0.75), late=0.5, passes=1)
PLAN = AdaptPlan(
    prompt="all red", model="tiny", steps=20, batch=2, side=16, samples=6, learning_rate=0.1, average=0.5,
    save_every=4, sheet_every=10, distillation=GENTLE,
)  # fmt: skip


def finished(run: Generator[Progress, None, Adapted]) -> tuple[list[Progress], Adapted]:
    steps = []
    while True:
        try:
            steps.append(next(run))
        except StopIteration as done:
            return steps, done.value


def colour(generator: AdaptableSdfGan) -> torch.Tensor:
    """Mean colour of the middle of some people's faces."""
    with torch.no_grad():
        styles = generator.styles(generator.latents(4, torch.Generator().manual_seed(5)), 0.8)
        planes = generator.planes(styles)
        camera = generator.camera(0.0, 0.0)
        shots = [generator.shoot(planes[i : i + 1], styles[i : i + 1], camera, 16, 16, None) for i in range(4)]
    return torch.stack([shot.rgb[:, 6:10, 6:10] for shot in shots]).mean((0, 2, 3))


def test_everybody_takes_the_colour_of_the_sentence(tmp_path: Path) -> None:
    generator = small_generator()
    before = colour(generator)
    steps, adapted = finished(adapt(generator, Ideal(), PLAN, tmp_path))
    assert [step.fraction for step in steps] == pytest.approx([(i + 1) / 20 for i in range(20)])
    shown = [step.preview.shape for step in steps if step.preview is not None]
    assert len(shown) == 3 and set(shown) == {(4 * 16, 4 * 16, 3)}
    model = load_sdf_gan(read_entry(adapted.path))
    now = colour(AdaptableSdfGan(model, "red", "1", torch.device("cpu")))
    assert now[0] > before[0] + 0.15 and now[1] < before[1] - 0.1, (before, now)
    assert adapted.recipe["prompt"] == "all red" and read_entry(adapted.path).recipe == adapted.recipe
    assert AdaptPlan.from_json(adapted.recipe["plan"]) == PLAN
    assert len(list(tmp_path.glob("adapt_*.png"))) == 3


def test_a_run_that_is_stopped_ends_as_one_that_is_not(tmp_path: Path) -> None:
    plan = replace(PLAN, steps=6, sheet_every=100)
    _, whole = finished(adapt(small_generator(), Ideal(), plan, tmp_path / "whole"))
    run = adapt(small_generator(), Ideal(), plan, tmp_path / "parts")
    for _ in range(3):
        next(run)
    run.close()
    assert not (tmp_path / "parts" / RESULT).exists()
    steps, parts = finished(adapt(small_generator(), Ideal(), plan, tmp_path / "parts"))
    assert len(steps) == 3
    first, second = (load_sdf_gan(read_entry(each.path)).generator.state_dict() for each in (whole, parts))
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_another_plan_does_not_continue_a_run(tmp_path: Path) -> None:
    run = adapt(small_generator(), Ideal(), PLAN, tmp_path)
    next(run)
    run.close()
    with pytest.raises(AdaptationError, match="another sentence"):
        next(adapt(small_generator(), Ideal(), replace(PLAN, prompt="all green"), tmp_path))


def test_the_distance_loss_is_asked_for_by_its_weight(tmp_path: Path) -> None:
    for weight, told in ((0.0, False), (2.0, True)):
        generator, folder = small_generator(), tmp_path / str(weight)
        before = generator.frozen()
        _, adapted = finished(adapt(generator, Ideal(), replace(PLAN, steps=3, diversity_weight=weight), folder))
        model = load_sdf_gan(read_entry(adapted.path))
        kept = diversity(before, AdaptableSdfGan(model, "red", "1", torch.device("cpu")), 0.8)
        assert adapted.recipe["result"]["diversity"] == pytest.approx(kept, abs=0.01) and kept != 1
        assert ("apart" in (folder / "adapt.jsonl").read_text()) == told


def test_the_rest_stays_where_the_sentence_says_nothing(tmp_path: Path) -> None:
    region = torch.zeros(16, 16)
    region[:, :8] = 1
    changes = {}
    for keep in ("people", "rest"):
        generator = small_generator()
        before = generator.frozen()
        plan = replace(PLAN, keep=keep, steps=10, yaw=0.01, diversity_weight=0.0, sheet_every=100, rest_weight=100.0)
        random = torch.Generator().manual_seed(0)
        finished(adapt(generator, Ideal(region=region), plan, tmp_path / keep))
        with torch.no_grad():
            styles = before.styles(before.latents(1, random), 0.8)
            camera = before.camera(0.0, 0.0)
            past, now = (
                each.shoot(each.planes(styles), styles, camera, 16, 16, None).rgb for each in (before, generator)
            )
        changes[keep] = (now - past).abs().mean((0, 1))
    spread = {keep: float(change[9:13].mean() / change[3:7].mean()) for keep, change in changes.items()}
    assert spread["rest"] < 0.8 * spread["people"], (spread, changes)


def test_told_where_the_prior_is_not_asked(tmp_path: Path) -> None:
    """Nothing may change, so nothing does, however much the prior wants it."""
    changes = []
    for allowed in (0.0, 1.0):
        generator = small_generator()
        before = generator.frozen()
        plan = replace(
            PLAN, keep="rest", steps=8, learning_rate=0.03, rest_weight=300.0, diversity_weight=0.0, sheet_every=100
        )
        where = lambda past, allowed=allowed: torch.full_like(past[:, :1], allowed)  # noqa: E731
        finished(adapt(generator, Ideal(), plan, tmp_path / str(allowed), where=where))
        changes.append(float((colour(generator) - colour(before)).abs().mean()))
    assert changes[0] < 0.5 * changes[1]


def test_one_person_can_be_adapted_with_planes_of_their_own(tmp_path: Path) -> None:
    from backend.adaptation.adaptable_sdf import with_case

    plain = small_generator()
    generator = AdaptableSdfGan(with_case(plain.model), "tiny", "0", torch.device("cpu"))
    styles = generator.styles(generator.latents(1, torch.Generator().manual_seed(0)), 0.8)
    plan = replace(PLAN, steps=4, diversity_weight=0.0, case_rate=1.0)
    _, adapted = finished(adapt(generator, Ideal(), plan, tmp_path, styles))
    case = load_sdf_gan(read_entry(adapted.path)).generator.case
    assert case is not None and case.abs().max() > 1e-3
