# SPDX-License-Identifier: GPL-3.0-or-later
from collections.abc import Generator
from dataclasses import replace

import numpy as np
import pytest

from backend.geometry.cameras import orbit
from backend.refinement.prior import Step, Wish
from backend.refinement.progressive import refine_views
from backend.texture.maps import TextureSet
from backend.texture.preview import picture
from tests.backend.refinement.priors import Knowing, Orienter, Sharpener
from tests.backend.texture.ball import ball


def finished(events: Generator[Step | TextureSet, None, TextureSet]) -> list[TextureSet]:
    """All textures, the returned one last."""
    return [event for event in drained(events) if isinstance(event, TextureSet)]


def drained(events: Generator[Step | TextureSet, None, TextureSet]) -> list[Step | TextureSet]:
    found: list[Step | TextureSet] = []
    while True:
        try:
            found.append(next(events))
        except StopIteration as done:
            return [*found, done.value]


def test_each_view_is_visible_at_once_and_levels_rise() -> None:
    mesh, textures = ball()
    prior = Sharpener()
    events = drained(refine_views(mesh, textures, prior, Wish(strength=0.5), views=4, size=256))
    fractions = [event.fraction for event in events if isinstance(event, Step)]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    better = [event for event in events if isinstance(event, TextureSet)]
    assert [each.level for each in better] == [1, 2, 3, 4, 5]
    assert all(np.array_equal(each.coverage, textures.coverage) for each in better)
    front = picture(mesh, better[0], orbit(0.0), 32, lit=False).astype(int)
    back = picture(mesh, better[0], orbit(np.pi), 32, lit=False).astype(int)
    was = [picture(mesh, textures, orbit(angle), 32, lit=False).astype(int) for angle in (0.0, np.pi)]
    assert (front - was[0])[14:18, 14:18, 0].mean() > 20, "the front is painted first"
    assert np.abs(back - was[1])[14:18, 14:18].mean() < 2, "and the back not yet"


def test_in_the_end_the_whole_head_is_painted_alike() -> None:
    mesh, textures = ball()
    grey = replace(textures, albedo=np.full_like(textures.albedo, 100))
    (*_, last) = finished(refine_views(mesh, grey, Sharpener(edge=0), Wish(strength=0.5), views=6, size=256))
    painted = last.albedo[last.coverage].astype(int)
    # Places that two views repaint get the tint of 30 twice, none gets less than most of it.
    assert np.percentile(painted[:, 0], 1) > 120 and np.percentile(painted[:, 0], 99) < 165
    assert np.abs(painted[:, 1:] - 100).max() <= 4


@pytest.mark.parametrize("coloured", [True, False])
def test_a_prior_that_knows_the_truth_gives_it_back_all_around(coloured: bool) -> None:
    mesh, truth = ball()
    grey = replace(truth, albedo=np.full_like(truth.albedo, 128))
    known = None if coloured else np.zeros(truth.coverage.shape, bool)
    events = refine_views(mesh, grey, Knowing(mesh, truth, 128), Wish(strength=1), 8, 256, known=known)
    (*_, last) = finished(events)
    errors = []
    for number in range(8):  # between the views that painted
        camera = orbit(0.39 + 0.785 * number, 0.1)
        seen, wanted = (picture(mesh, each, camera, 64, lit=False).astype(float) for each in (last, truth))
        errors.append(np.square(seen - wanted).mean())
    assert 10 * np.log10(255**2 / np.mean(errors)) > 35


def test_later_views_keep_what_was_painted_before() -> None:
    mesh, textures = ball()
    prior = Sharpener()
    list(refine_views(mesh, textures, prior, Wish(strength=0.5), views=8, size=256))
    shares = [view.keep[view.shown].mean() for view in prior.views]
    assert shares[0] < 1e-6 and all(share > 0.2 for share in shares[1:]) and shares[-1] > 0.4
    assert [wish.seed for wish in prior.wishes] == list(range(len(prior.wishes)))


def test_a_head_without_colours_gets_them_all() -> None:
    mesh, textures = ball()
    empty = replace(textures, albedo=np.zeros_like(textures.albedo))
    nowhere = np.zeros(textures.coverage.shape, bool)
    prior = Orienter()
    (*_, last) = finished(refine_views(mesh, empty, prior, Wish(), views=4, size=256, known=nowhere))
    painted = last.albedo[last.coverage].astype(int)
    wrong = np.abs(painted - [200, 200, 60]).max(1)
    assert np.percentile(wrong, 99) <= 5 and wrong.max() <= 15, "crown and chin, which no camera saw, follow"
    assert prior.views[0].generate[prior.views[0].shown].min() > 0.999


def test_nothing_changes_where_nothing_may() -> None:
    mesh, textures = ball()
    mask = np.zeros((256, 256), np.float32)
    mask[:128] = 1
    (*_, last) = finished(
        refine_views(mesh, textures, Sharpener(), Wish(strength=1), views=4, size=256, paintable=mask)
    )
    fixed = textures.coverage & (mask == 0)
    assert np.array_equal(last.albedo[fixed], textures.albedo[fixed])
    changed = textures.coverage & (mask == 1)
    assert np.abs(last.albedo[changed].astype(int) - textures.albedo[changed]).mean() > 10


def test_a_grey_mask_lets_half_of_the_change_through() -> None:
    mesh, textures = ball()
    grey = replace(textures, albedo=np.full_like(textures.albedo, 100))
    half = np.full((256, 256), 0.5, np.float32)
    events = refine_views(mesh, grey, Sharpener(edge=0), Wish(strength=0.5), views=1, size=256, paintable=half)
    shown = picture(mesh, finished(events)[-1], orbit(0.0), 32, lit=False).astype(int)
    assert shown[14:18, 14:18, 0].mean() == pytest.approx(115, abs=2)


def test_a_photograph_stays() -> None:
    mesh, textures = ball()
    laid = np.zeros((256, 256), np.uint8)
    laid[64:] = 255
    (*_, last) = finished(
        refine_views(mesh, replace(textures, photograph=laid), Sharpener(), Wish(strength=1), views=8, size=256)
    )
    inner = textures.coverage & (np.indices((256, 256))[0] >= 80)
    outer = textures.coverage & (np.indices((256, 256))[0] < 48)
    moved = np.abs(last.albedo.astype(int) - textures.albedo).mean(2)
    assert moved[inner].mean() < 0.2 * moved[outer].mean()


def test_closing_closes_the_prior() -> None:
    mesh, textures = ball()
    prior = Sharpener()
    events = refine_views(mesh, textures, prior, Wish(), views=2, size=256)
    assert isinstance(next(events), Step)
    events.close()
    assert prior.closed == 1


def test_another_size_is_a_texture_of_that_size() -> None:
    mesh, textures = ball()
    (*_, last) = finished(refine_views(mesh, textures, Sharpener(32), Wish(strength=0.2), views=1, size=512))
    assert last.size == 512
    shown = picture(mesh, last, orbit(np.pi), 48, lit=False).astype(int)
    assert np.abs(shown - picture(mesh, textures, orbit(np.pi), 48, lit=False)).mean() < 3


@pytest.mark.parametrize("seed", [0, 1])
def test_the_same_wish_gives_the_same_texture(seed: int) -> None:
    mesh, textures = ball()
    first, second = (
        finished(refine_views(mesh, textures, Sharpener(), Wish(seed=seed), views=2, size=256))[-1] for _ in range(2)
    )
    assert np.array_equal(first.albedo, second.albedo)
