# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.models.look_text import EMPTY, UNKNOWN, LookText, LookTextConfig, vocabulary_of, words_of


def _text() -> LookText:
    torch.manual_seed(0)
    return LookText(LookTextConfig.tiny()).eval()


def test_words_are_lower_case_without_little_ones_and_numbers_are_rounded() -> None:
    assert words_of("A Red-haired man, 43 years old!") == ["red", "haired", "man", "45", "years", "old"]


def test_vocabulary_is_what_comes_up_often() -> None:
    assert vocabulary_of(["bronze man", "bronze woman", "bronze man"], least=2) == ("bronze", "man")


def test_tokens_tell_words_apart_and_name_what_is_unknown() -> None:
    text = _text()
    tokens = text.tokenise(["a bronze statue", "quux"])
    assert tokens.tolist() == [[2, 6], [UNKNOWN, EMPTY]]
    assert text.unknown("a bronze quux statue") == ["quux"]


def test_padding_and_company_change_nothing_and_order_and_words_do() -> None:
    text = _text()
    with torch.no_grad():
        alone, together = text(["bronze man"]), text(["bronze man", "marble statue woman hair man"])
        torch.testing.assert_close(alone[0], together[0])
        assert not torch.allclose(text(["bronze man"]), text(["man bronze"]))
        assert not torch.allclose(together[0], together[1])


def test_silence_is_learned_and_finite() -> None:
    text = _text()
    said = text(["", "bronze"])
    assert torch.equal(said[0], text.silence) and bool(said.isfinite().all())
    said.sum().backward()
    assert text.silence.grad is not None and bool(text.silence.grad.any())


def test_long_sentences_are_cut() -> None:
    text = _text()
    assert text.tokenise(["bronze " * 100]).shape[1] == text.config.longest


def test_configurations_survive_json() -> None:
    assert LookTextConfig.from_json(LookTextConfig.tiny().to_json()) == LookTextConfig.tiny()
