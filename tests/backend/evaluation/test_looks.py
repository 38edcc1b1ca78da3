# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.evaluation.looks import held_out_accuracy, look_logits, looks_of, share_in, shipped_look_judge
from backend.studio.looks import LOOKS, paint
from tests.backend.studio.looks_view import ball


def test_the_shipped_judge_knows_looks_on_studio_people_and_even_on_balls() -> None:
    assert held_out_accuracy()["mean"] > 0.9 and set(held_out_accuracy()) <= {look.name for look in LOOKS} | {"mean"}
    view = ball(64)
    names = ("gold", "ice", "lava", "plastic")
    pictures = [paint(view, name, 3) for name in names]
    right = [one == other for one, other in zip(looks_of(torch.stack(pictures)), names, strict=True)]
    assert sum(right) >= 2  # of 24 looks, on things that are no heads
    gilded = torch.stack([paint(view, "gold", seed) for seed in range(3)])
    assert share_in("gold", gilded) > share_in("ice", gilded)
    logits = look_logits(gilded.requires_grad_(), shipped_look_judge())
    logits.sum().backward()
    assert gilded.grad is not None and bool(gilded.grad.any())
