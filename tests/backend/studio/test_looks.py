# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.studio.looks import BY_NAME, EDITS, HUES, LOOKS, edit_named, edited, look_named, paint, recolour

from .looks_view import ball


@pytest.mark.parametrize("look", [look.name for look in LOOKS])
def test_every_look_paints_the_head_over_white(look: str) -> None:
    view = ball()
    picture = paint(view, look, seed=3)
    assert picture.shape == (3, 32, 32) and bool(picture.isfinite().all())
    assert float(picture.min()) >= 0 and float(picture.max()) <= 1
    assert float(picture[:, 0, 0].min()) == 1  # the corner is not the head
    assert float((picture - 1).abs()[:, view.coverage[0] > 0.5].mean()) > 0.02


def test_looks_can_be_told_apart() -> None:
    view = ball()
    pictures = torch.stack([paint(view, look.name, seed=3) for look in LOOKS]).flatten(1)
    apart = torch.cdist(pictures, pictures) + 99 * torch.eye(len(LOOKS))
    assert float(apart.min()) > 1.0
    assert len(BY_NAME) == len(LOOKS)


def test_a_photograph_is_what_it_was() -> None:
    view = ball()
    assert torch.equal(paint(view, "photograph"), view.coverage * view.colour + (1 - view.coverage))


def test_seeds_move_veins() -> None:
    view = ball()
    assert not torch.allclose(paint(view, "marble", 1), paint(view, "marble", 2), atol=0.02)


@pytest.mark.parametrize("part", ["hair", "skin", "eyes"])
def test_an_edit_changes_its_part_alone_and_towards_its_colour(part: str) -> None:
    view = ball()
    plain = paint(view, "photograph")
    colour = EDITS[part][1]
    changed = recolour(view, part, colour)
    mask = edited(view, part)
    assert float(mask.max()) > 0.5
    assert torch.equal(changed[:, mask == 0], plain[:, mask == 0])
    inside = mask > 0.8
    target = torch.tensor(HUES[colour])[:, None]
    assert float((changed[:, inside] - target).abs().mean()) < float((plain[:, inside] - target).abs().mean())


@pytest.mark.parametrize(
    ("sentence", "look"),
    [("a marble statue", "marble"), ("a black marble bust of a man", "black marble"), ("a wooden head", "wood"),
     ("an old man with a beard", None), ("a zombie", "zombie"), ("in pencil sketch style", "pencil"),
     ("a golden statue", "gold"), ("a man with green hair", None), ("an icy queen", "ice")],
)  # fmt: skip
def test_sentences_name_their_look(sentence: str, look: str | None) -> None:
    assert look_named(sentence) == look


@pytest.mark.parametrize(
    ("sentence", "edit"),
    [("a person with green hair", ("hair", "green")), ("pink curly hair", ("hair", "pink")),
     ("a red-haired woman", ("hair", "red")), ("an old man", None), ("green eyes and blue hair", ("eyes", "green")),
     ("a man in a purple shirt", ("clothes", "purple")), ("hair, green", None)],
)  # fmt: skip
def test_sentences_name_what_is_recoloured(sentence: str, edit: tuple[str, str] | None) -> None:
    assert edit_named(sentence) == edit
