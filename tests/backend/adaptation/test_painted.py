# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from backend.adaptation import painted
from backend.adaptation.adapt import _Run, adapt
from backend.adaptation.adaptable_planes import facing
from backend.adaptation.adaptable_sdf import AdaptableSdfGan
from backend.adaptation.painted import Painter, Sight
from backend.adaptation.plan import AdaptPlan
from backend.geometry.cameras import orbit
from backend.studio.shading import DISTANCE
from backend.weights.library import read_entry
from backend.weights.sdf_gan import load_sdf_gan
from tests.backend.adaptation.worlds import Ideal, small_generator
from tests.backend.studio.looks_view import ball

PLAN = AdaptPlan(
    prompt="golden", model="tiny", steps=30, batch=2, side=16, samples=8, learning_rate=0.03, average=0.5,
    save_every=100, sheet_every=100, diversity_weight=0.1,
)  # fmt: skip


class Painting(Ideal):
    """A prior that paints, and has no opinion."""

    def painter(self, sentence: str) -> Painter | None:
        return Painter.of(sentence)

    def text(self, prompts: object) -> torch.Tensor:
        raise AssertionError("who paints is not asked")


@pytest.fixture
def balls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sight]:
    """A ball as a generator would show it; its parts are known, so no network is asked."""
    view = ball()
    monkeypatch.setattr(painted, "parts_of", lambda pictures: view.part[None])
    white = view.coverage * view.colour + 1 - view.coverage
    yield Sight(white, view.coverage, view.normal, view.depth + DISTANCE, orbit(0.0, target=(0.0, 0.0, 0.0)))


def finished(generator: AdaptableSdfGan, plan: AdaptPlan, folder: Path) -> tuple[AdaptableSdfGan, dict]:
    run = adapt(generator, Painting(), plan, folder)
    while True:
        try:
            next(run)
        except StopIteration as done:
            model = load_sdf_gan(read_entry(done.value.path))
            return AdaptableSdfGan(model, "new", "1", torch.device("cpu")), done.value.recipe


@pytest.mark.parametrize(
    ("sentence", "told"),
    [("a marble statue", "marble"), ("a person with green hair", "green hair"), ("an old man", None),
     ("a woman in a red jacket", "red clothes"), ("a blue-eyed zombie", "zombie")],
)  # fmt: skip
def test_a_sentence_says_what_is_painted(sentence: str, told: str | None) -> None:
    painter = Painter.of(sentence)
    assert (painter.told if painter else None) == told


def test_an_edit_changes_its_part_alone(balls: Sight) -> None:
    painter = Painter.of("green hair")
    assert painter is not None
    change = (painter(balls) - balls.rgb).abs().sum(0)
    hair = ball().part == 7
    assert float(change[hair].min()) > 0.1 and float(change[~hair].max()) < 1e-6


def test_a_look_covers_the_head_and_leaves_the_white(balls: Sight) -> None:
    painter = Painter.of("a marble statue")
    assert painter is not None
    picture = painter(balls)
    assert torch.equal(picture[:, 0, 0], torch.ones(3))
    grey = picture[:, ball().coverage[0] > 0.9]
    assert float(grey.std(0).mean()) < 0.02 < float(grey.mean(0).std())  # without hue, but not flat
    assert torch.equal(picture, painter(balls))


def test_everybody_becomes_what_is_painted(tmp_path: Path) -> None:
    generator = small_generator()
    before = generator.frozen()
    after, recipe = finished(generator, PLAN, tmp_path)
    assert recipe["painted"] == "gold"
    styles = before.styles(before.latents(2, torch.Generator().manual_seed(9)), 0.8)
    painter, camera = Painter.of("golden"), before.camera(0.3, 0.0)
    assert painter is not None
    far = []
    for generator_ in (before, after):
        each = []
        for k in (0, 1):
            one = styles[k : k + 1]
            wanted = painter(before.look(before.planes(one), one, camera, 16, 12))
            shot = generator_.shoot(generator_.planes(one), one, camera, 16, 12, None)
            each.append(float((shot.rgb - wanted).abs().mean()))
        far.append(sum(each))
    assert far[1] < 0.85 * far[0], far


def test_a_prior_that_paints_is_asked_where_the_plan_wants_its_opinion(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="who paints"):
        finished(small_generator(), replace(PLAN, painted=False), tmp_path)


def test_normals_of_neighbouring_depths_look_at_the_camera() -> None:
    view = ball(64)
    inner = view.facing > 0.5
    found = facing(view.place.permute(1, 2, 0)).permute(2, 0, 1)
    assert float((found * view.normal).sum(0)[inner].min()) > 0.97


def test_distances_are_those_along_rays(balls: Sight) -> None:
    """The ball around the origin: its near pole lies its radius before the camera's target."""
    seen = balls.distance()[0, 16, 16]
    assert float(seen) == pytest.approx(DISTANCE - 0.6, abs=0.02)


def test_dents_cost(tmp_path: Path) -> None:
    generator = small_generator()
    run = _Run(generator, Painting(), PLAN, tmp_path, None, None)
    assert run.painter is not None
    smooth = float(run.painted(run.painter)["surface"])
    with torch.no_grad():
        generator.network.heads.shape.bias[0] += 0.1
    assert float(run.painted(run.painter)["surface"]) > 1.5 * smooth
