# SPDX-License-Identifier: GPL-3.0-or-later
import math
from pathlib import Path

import pytest
import torch

from backend.models.embedding import EmbeddingConfig, JointEmbedding
from backend.studio.dataset import DatasetError
from backend.training.surround_set import VISITS, SurroundSet
from tests.backend.training import surround_balls


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> SurroundSet:
    torch.manual_seed(0)
    folder = surround_balls.write(tmp_path_factory.mktemp("surround"))
    return SurroundSet(folder, JointEmbedding(EmbeddingConfig.tiny()).eval())


def test_a_stored_view_is_read_as_it_is(people: SurroundSet) -> None:
    assert (len(people), people.views, people.side) == (surround_balls.PEOPLE, 2, surround_balls.SIDE)
    view = people.whole(1, 0)
    assert (view.picture[view.shown.expand(-1, 3, -1, -1) == 0] == 1).all()
    inside = view.shown[0, 0] > 0
    assert (view.normal[0].norm(dim=0)[inside] - 1).abs().max() < 0.02
    assert view.depth[0, 0][inside].mean().abs() < 1e-3 and not view.depth[0, 0][~inside].any()
    # The nearest point is in the middle: 0.7 before the centre, a third of it nearer than the mean.
    assert abs(view.depth.min() + 0.7 / 3) < 0.02
    assert view.angles.tolist() == [[pytest.approx(0.3), pytest.approx(0.1)]]


def test_draws_are_parts_and_mirror_images_that_fit_together(people: SurroundSet) -> None:
    views = people.draw(48, 32, torch.Generator().manual_seed(0))
    assert views.picture.shape == (48, 3, 32, 32) and views.z.shape[0] == 48
    near = views.angles[:, 0].abs() < 1
    assert {round(float(angle), 1) for angle in views.angles[near, 0]} == {0.3, -0.3}
    # Normals point right in the right half of a whole ball, mirrored or not.
    whole = [k for k in range(48) if views.shown[k, 0, :, 0].sum() == 0 and views.shown[k, 0, :, -1].sum() == 0]
    assert len(whole) > 5
    for k in whole:
        assert views.normal[k, 0, 16, 24] > 0.2 and views.normal[k, 0, 16, 7] < -0.2
        assert views.normal[k, 1, 8, 16] > 0.2
    assert views.shown.mean((1, 2, 3)).min() > 0.2


def test_some_visits_say_who_it_is(people: SurroundSet) -> None:
    views = people.draw(200, 16, torch.Generator().manual_seed(1))
    nobody = (views.z == 0).all(1).float().mean()
    assert 0.2 < nobody < 0.4
    assert people.z.shape == (surround_balls.PEOPLE, 2 * VISITS, EmbeddingConfig.tiny().size)
    known = people.z.flatten(0, 1)
    for z in views.z[(views.z != 0).any(1)][:10]:
        assert ((known - z).abs().max(1).values < 1e-6).any()


def test_the_same_generator_draws_the_same(people: SurroundSet) -> None:
    one, other = (people.draw(3, 32, torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(one.picture, other.picture) and torch.equal(one.z, other.z)


def test_shards_of_another_kind_are_named(shards: Path) -> None:
    with pytest.raises(DatasetError, match="surround_"):
        SurroundSet(shards, JointEmbedding(EmbeddingConfig.tiny()))


def test_mirroring_keeps_the_far_side_far(people: SurroundSet) -> None:
    views = people.draw(40, 32, torch.Generator().manual_seed(3))
    assert views.depth.isfinite().all() and views.depth.abs().max() < 1.5
    assert views.angles.abs().max() <= math.pi + 1e-6
