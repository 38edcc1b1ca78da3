# SPDX-License-Identifier: GPL-3.0-or-later
from pathlib import Path

import pytest
import torch

from backend.geometry.cameras import Camera
from backend.geometry.triplane import Triplane
from backend.studio.dataset import DatasetError
from backend.training.plane_set import PlaneSet, portrait
from backend.training.stage2 import fitted_path, load_fitted


def test_standard_planes_stand_for_the_fitted_ones(run_of_balls: Path) -> None:
    people = PlaneSet(run_of_balls)
    assert (len(people), people.channels, people.size) == (4, 8, 16)
    standard = people.standard(people.names)
    assert standard.shape == (4, 8, 16, 48) and standard.abs().max() <= 1
    assert standard.mean(0).abs().max() < 0.25 and 0.2 < standard.std() * 3 < 1.2
    for name, planes in zip(people.names, people.planes(standard), strict=True):
        exact, _ = load_fitted(fitted_path(run_of_balls / "fitted", name))
        assert (planes - exact).abs().mean() < 0.1 * exact.std()


def test_a_second_look_reads_the_same_measures(run_of_balls: Path) -> None:
    first = PlaneSet(run_of_balls)
    (run_of_balls / "fitted/standard_8_16.safetensors").stat()
    again = PlaneSet(run_of_balls)
    assert torch.equal(first.mean, again.mean) and torch.equal(first.deviation, again.deviation)


def test_another_size_shows_the_same_people(run_of_balls: Path) -> None:
    plain, large = PlaneSet(run_of_balls), PlaneSet(run_of_balls, channels=12, size=32)
    points = torch.rand(1, 200, 3, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    name = plain.names[0]
    said = []
    for people in (plain, large):
        planes = people.planes(people.standard([name]))
        said.append(people.decoder(Triplane(planes).sample(points))[0])
    assert large.standard([name]).shape == (1, 12, 32, 96)
    assert (said[0] - said[1]).abs().mean() < 0.3 * said[0].std()
    # Channels that the decoder does not hear are the same for everybody: nothing to learn.
    assert large.standard(large.names)[:, 8:].abs().max() < 1e-3


def test_portraits_are_the_frontal_pictures(run_of_balls: Path) -> None:
    people = PlaneSet(run_of_balls)
    shown = people.portraits(people.names[:2], 32)
    assert shown.shape == (2, 4, 32, 32) and shown.abs().max() <= 1
    assert (shown[:, 3, 16, 16] > 0.9).all()  # the person is in the middle
    corner = shown[:, :, 0, 0]
    torch.testing.assert_close(corner[:, :3], torch.ones(2, 3), atol=0.02, rtol=0)  # over white
    assert (corner[:, 3] < -0.9).all()
    views = people.views(people.names[0])
    front = int(views.cameras.cam_to_world[:, 2, 3].argmax())  # the camera farthest along +Z sees the face
    kept = Camera(views.cameras.cam_to_world[front : front + 1], views.cameras.intrinsics[front : front + 1])
    alone = type(views)(kept, views.rgb[front : front + 1], views.alpha[front : front + 1])
    assert torch.equal(portrait(views, 16), portrait(alone, 16))


def test_names_are_drawn_by_the_random_state(run_of_balls: Path) -> None:
    people = PlaneSet(run_of_balls)
    first, again = (people.draw(20, torch.Generator().manual_seed(1)) for _ in range(2))
    assert first == again and set(first) == set(people.names)


def test_unfinished_folders_are_refused_in_a_sentence(run_of_balls: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no run of task replay"):
        PlaneSet(tmp_path)
    (tmp_path / "replay.pt").symlink_to(run_of_balls / "replay.pt")
    with pytest.raises(DatasetError, match="no people fitted alone"):
        PlaneSet(tmp_path)
    (tmp_path / "fitted").symlink_to(run_of_balls / "fitted")
    with pytest.raises(DatasetError, match="pictures of the people"):
        PlaneSet(tmp_path)
