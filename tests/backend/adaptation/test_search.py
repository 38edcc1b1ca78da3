# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.adaptation.adaptable import Shot
from backend.adaptation.search import EmbeddingJudge, Found, Search, search
from backend.models.embedding import EmbeddingConfig, JointEmbedding
from tests.backend.adaptation.worlds import small_generator


class Reddest:
    """Likes red, whatever is said."""

    def scores(self, shots: list[Shot], sentence: str) -> torch.Tensor:
        return torch.stack([shot.rgb[0].mean() - shot.rgb[1].mean() for shot in shots])


def searched(config: Search) -> tuple[list[float], list[Shot], Found]:
    looking = search(small_generator(), Reddest(), "red", config, torch.Generator().manual_seed(0))
    shares, shots = [], []
    while True:
        try:
            share, shot = next(looking)
        except StopIteration as done:
            return shares, shots, done.value
        shares.append(share)
        shots.append(shot)


def test_the_best_of_all_that_were_looked_at_is_found_again() -> None:
    config = Search(candidates=8, rounds=1, elite=2, side=8, samples=6)
    shares, shots, found = searched(config)
    assert len(shares) == 12 and shares[-1] == 1
    scores = Reddest().scores(shots, "red")
    assert found.score == float(scores.max()) and found.usual == float(scores[:8].mean())
    assert found.styles.shape[0] == 1 and torch.equal(found.styles[0, 0], found.styles[0, -1])


def test_variation_of_the_best_finds_better_ones() -> None:
    random_alone, guided = searched(Search(candidates=8, rounds=0, side=8, samples=6))[2], searched(
        Search(candidates=8, rounds=2, elite=2, side=8, samples=6))[2]  # fmt: skip
    assert guided.score > random_alone.score > random_alone.usual


def test_the_shipped_kind_of_judge_compares_within_the_crowd() -> None:
    torch.manual_seed(0)
    judge = EmbeddingJudge(JointEmbedding(EmbeddingConfig.tiny()).eval())
    shots = [Shot(torch.rand(3, 16, 16), torch.ones(1, 16, 16), torch.ones(1, 16, 16)) for _ in range(5)]
    scores = judge.scores(shots, "an old woman")
    assert scores.shape == (5,) and scores.abs().max() <= 1 and scores.std() > 0
    assert scores.min() < 0 < scores.max()  # the mean of the crowd is worth nothing
