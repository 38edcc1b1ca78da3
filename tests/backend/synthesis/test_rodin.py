# SPDX-License-Identifier: GPL-3.0-or-later
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.geometry.fields import Field
from backend.models.embedding import EmbeddingConfig
from backend.studio.attributes import CLASSES
from backend.synthesis.base import Condition, Edit, Progress, Sample
from backend.synthesis.edits import EditError
from backend.synthesis.rodin import Rodin
from backend.synthesis.source import SourceError
from backend.weights.cascade import Cascade, CascadeConfig


@pytest.fixture(scope="module")
def rodin() -> Rodin:
    """Random weights that let every condition through."""
    torch.manual_seed(0)
    tiny = EmbeddingConfig.tiny()
    attributes = {name: len(classes) for name, classes in CLASSES.items()}
    embedding = EmbeddingConfig(size=tiny.size, components=tiny.components, width=tiny.width, attributes=attributes,
                                portrait=tiny.portrait, text=tiny.text)  # fmt: skip
    model = Cascade.build(replace(CascadeConfig.tiny(), embedding=embedding))
    model.base.principal.learn(torch.randn(12, np.prod(model.latent_shape(1))))
    for module in (model.base.out.own[0], model.base.principal.out, model.upsampler.out, model.prior.out):
        torch.nn.init.normal_(module.weight, std=0.05)  # silent in a fresh network
    return Rodin(model, "test", torch.device("cpu"))


def finish(rodin: Rodin, condition: Condition) -> tuple[Sample, list[Progress]]:
    sampling, seen = rodin.synthesize(condition), []
    while True:
        try:
            seen.append(next(sampling))
        except StopIteration as done:
            return done.value, seen


def made(rodin: Rodin, **asked: object) -> Sample:
    return finish(rodin, Condition(steps=2, **asked))[0]


def portrait(value: int) -> np.ndarray:
    return np.full((256, 256, 3), value, np.uint8)


def planes(field: Field) -> torch.Tensor:
    return field.triplane.planes


def differ(one: Sample, other: Sample) -> bool:
    return not torch.allclose(planes(one.field), planes(other.field), atol=1e-5)


def test_same_seed_same_avatar_other_seed_another(rodin: Rodin) -> None:
    first, again, other = (made(rodin, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(planes(first.field), planes(again.field)) and differ(first, other)
    assert np.array_equal(first.source.latent, again.source.latent)


@pytest.mark.parametrize("change", [
    {"portrait": portrait(40)}, {"portrait": portrait(220), "pose": (0.4, 0.0)}, {"portrait": portrait(220), "seed": 4},
    {"portrait": portrait(220), "guidance": 3.0}, {"portrait": portrait(220), "weights": {"seed": 1.5}},
    {"portrait": portrait(220), "sentence": "an old man"}, {"sentence": "an old man"},
    {"portrait": portrait(220), "weights": {"seed": 0.5}},
])  # fmt: skip
def test_everything_that_is_asked_matters(rodin: Rodin, change: dict) -> None:
    assert differ(made(rodin, portrait=portrait(220)), made(rodin, **change))


def test_without_noise_one_step_gives_the_mean_whatever_the_seed(rodin: Rodin) -> None:
    one, steps = finish(rodin, Condition(seed=1, steps=9, portrait=portrait(90)))
    other, _ = finish(rodin, Condition(seed=2, steps=9, portrait=portrait(90)))
    assert sum(step.stage == "sample" for step in steps) == 1
    assert np.array_equal(one.source.latent, other.source.latent)


def test_what_weighs_nothing_is_not_heard(rodin: Rodin) -> None:
    mixed = made(rodin, portrait=portrait(90), sentence="a young woman", weights={"sentence": 0.0})
    assert not differ(mixed, made(rodin, portrait=portrait(90)))


def test_a_mix_lies_between(rodin: Rodin, monkeypatch: pytest.MonkeyPatch) -> None:
    """One step of the solver is linear in what the network says."""
    monkeypatch.setattr("backend.synthesis.rodin.DRAWN_STEPS", 1)
    asked = Condition(seed=3, guidance=1.0)
    one, other = (finish(rodin, replace(asked, **wish))[0].source.latent
                  for wish in ({"portrait": portrait(90)}, {"sentence": "a young woman"}))  # fmt: skip
    mix = replace(asked, portrait=portrait(90), sentence="a young woman", weights={"portrait": 3, "sentence": 1})
    between = finish(rodin, mix)[0].source.latent
    assert np.allclose(between, 0.75 * one + 0.25 * other, atol=2e-2) and not np.allclose(one, other, atol=1e-2)


def test_what_the_matte_hides_is_not_seen(rodin: Rodin) -> None:
    matte = np.zeros((256, 256), np.float32)
    assert not differ(*(made(rodin, portrait=portrait(value), matte=matte) for value in (40, 220)))


def test_progress_rises_to_one_with_previews_between(rodin: Rodin) -> None:
    sample, seen = finish(rodin, Condition(seed=3, steps=7, portrait=portrait(90), temperature=0.5))
    fractions = [step.fraction for step in seen]
    assert fractions == sorted(fractions) and fractions[-1] == pytest.approx(1.0)
    assert [step.preview is not None for step in seen[:7]] == [False, False, True, False, False, True, True]
    assert sample.field.sdf(torch.zeros(5, 3)).isfinite().all()


def test_a_batch_gives_what_each_gives_alone(rodin: Rodin) -> None:
    asked = [Condition(seed=1, steps=2), Condition(seed=2, steps=2, portrait=portrait(80)),
             Condition(seed=3, steps=2, sentence="an old man with grey hair")]  # fmt: skip
    sampling = rodin.synthesize_batch(asked)
    while True:
        try:
            next(sampling)
        except StopIteration as done:
            together: list[Sample] = done.value
            break
    for condition, sample in zip(asked, together, strict=True):
        alone = finish(rodin, condition)[0]
        torch.testing.assert_close(planes(sample.field), planes(alone.field), atol=2e-2, rtol=0)


def test_an_edit_changes_by_its_strength_and_says_what_it_did_not_understand(rodin: Rodin) -> None:
    source = made(rodin, seed=5).source
    latents = {
        strength: made(rodin, edit=Edit(source=source, sentence="add a zorgl beard", strength=strength))
        for strength in (0.0, 0.5, 1.0)
    }
    changes = [np.abs(each.source.latent - source.latent.astype(np.float32)).mean() for each in latents.values()]
    assert changes[0] < 1e-3 < changes[1] and changes[2] == pytest.approx(2 * changes[1], rel=0.1)
    assert "zorgl" in latents[1.0].notes[0]
    with pytest.raises(EditError):
        made(rodin, edit=Edit(source=source, sentence="zorgl"))


def test_an_edit_leaves_the_clothes_alone(rodin: Rodin) -> None:
    source = made(rodin, seed=5).source
    edited = made(rodin, edit=Edit(source=source, sentence="add a beard")).source
    side = source.latent.shape[1]
    changed = np.abs(edited.latent.astype(np.float32) - source.latent)
    assert changed[:, : side // 4, :side].max() == 0 < changed[:, side // 2 :, :side].mean()  # rows of xy grow with y
    assert changed[:, :, 2 * side : 2 * side + side // 4].max() == 0  # columns of yz do


def test_a_blend_is_the_weighted_mean(rodin: Rodin) -> None:
    one, other = (made(rodin, seed=seed).source for seed in (1, 2))
    blend = made(rodin, blend=((one, 3.0), (other, 1.0))).source
    expected = 0.75 * one.latent.astype(np.float32) + 0.25 * other.latent.astype(np.float32)
    assert np.allclose(blend.latent, expected, atol=5e-3)
    with pytest.raises(SourceError, match="no layers"):
        made(rodin, blend=((one, 1.0), (other, 1.0)), layers=0.5)


def test_avatars_of_other_weights_are_refused(rodin: Rodin) -> None:
    source = replace(made(rodin, seed=1).source, model_hash="another")
    for asked in ({"edit": Edit(source=source, sentence="add a beard")}, {"blend": ((source, 1.0),)}):
        with pytest.raises(SourceError, match="other weights"):
            made(rodin, **asked)


def test_unknown_words_of_a_sentence_are_told(rodin: Rodin) -> None:
    notes = made(rodin, sentence="an old man with a zorgl").notes
    assert len(notes) == 1 and "zorgl" in notes[0] and "old" not in notes[0]


def test_closing_ends_the_sampling(rodin: Rodin) -> None:
    sampling = rodin.synthesize(Condition(seed=1, steps=50))
    next(sampling)
    sampling.close()
    with pytest.raises(StopIteration):
        next(sampling)
