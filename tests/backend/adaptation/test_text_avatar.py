# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
import torch

from backend.adaptation.adaptable_sdf import AdaptableSdfGan, with_case
from backend.adaptation.plan import AdaptPlan, Distillation
from backend.adaptation.search import Search
from backend.adaptation.text_avatar import CHANGES_START, TextAvatar
from backend.synthesis.base import Condition, Progress, Sample
from backend.synthesis.source import SourceError
from tests.backend.adaptation.test_search import Reddest
from tests.backend.adaptation.worlds import Ideal, small_generator

GENTLE = Distillation(guidance=1.0, rescale=0.0, clamp=None, times=(0.15, 0.75), late=0.5, passes=1)
PLAN = AdaptPlan(
    prompt="-", model="tiny", batch=2, side=16, samples=6, diversity_weight=0.0, case_rate=1.0, average=0.5,
    learning_rate=0.1, sheet_every=5, distillation=GENTLE,
)  # fmt: skip


@pytest.fixture
def sculptor() -> TextAvatar:
    generator = AdaptableSdfGan(with_case(small_generator().model), "tiny", "0123456789abcdef", torch.device("cpu"))
    return TextAvatar(
        generator, Ideal(), Reddest, steps=6, looking=Search(candidates=4, rounds=0, side=8, samples=6), side=17,
        plan=PLAN,
    )  # fmt: skip


def made(sculptor: TextAvatar, condition: Condition) -> tuple[list[Progress], Sample]:
    steps, run = [], sculptor.synthesize(condition)
    while True:
        try:
            steps.append(next(run))
        except StopIteration as done:
            return steps, done.value


def test_a_sentence_becomes_a_field_and_the_generator_stays(sculptor: TextAvatar) -> None:
    before = {name: value.clone() for name, value in sculptor.generator.network.state_dict().items()}
    steps, sample = made(sculptor, Condition(sentence="a green zzyzx", seed=1))
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert any(step.preview is not None for step in steps)
    points = torch.tensor([[0.0, 0.0, 0.0], [0.95, 0.95, 0.95]])
    inside, outside = sample.field.sdf(points).tolist()
    assert inside < 0 < outside
    assert sample.source.model_hash == sculptor.model_hash
    assert "not understood and left out: zzyzx" in sample.notes and CHANGES_START in sample.notes
    after = sculptor.generator.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_words_decide_the_colour(sculptor: TextAvatar) -> None:
    points = torch.nn.functional.normalize(torch.tensor([[0.0, 0, 1], [0.3, 0.2, 1], [-0.3, 0, 1]]), dim=1) * 0.55
    colours = [made(sculptor, Condition(sentence=word))[1].field.rgb(points).mean(0) for word in ("red", "green")]
    assert colours[0][0] > colours[1][0] and colours[0][1] < colours[1][1]


def test_nothing_but_a_sentence_is_taken(sculptor: TextAvatar) -> None:
    with pytest.raises(SourceError, match="sentence alone"):
        next(sculptor.synthesize(Condition(seed=3)))
