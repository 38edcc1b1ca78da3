# SPDX-License-Identifier: GPL-3.0-or-later
import torch

from backend.models.text_encoder import (
    EMPTY,
    UNKNOWN,
    TextEncoder,
    TextEncoderConfig,
    split,
    tokenise,
    unknown_words,
    vocabulary,
)


def test_words_are_split_at_hyphens_and_numbers_rounded() -> None:
    assert split("A middle-aged man, 43 years old!") == ["a", "middle", "aged", "man", "45", "years", "old"]
    assert split("five o'clock") == ["five", "oclock"]


def test_tokens_are_padded_cut_and_unknown() -> None:
    tokens = tokenise(["red hair", "zorblax", ""], longest=2)
    known = vocabulary()
    assert tokens.tolist() == [[known["red"], known["hair"]], [UNKNOWN, EMPTY], [EMPTY, EMPTY]]


def test_unknown_words_are_named_once_in_order() -> None:
    assert unknown_words("a purple zorblax man with a quux and a zorblax") == ["zorblax", "quux"]
    assert unknown_words("Red HAIR") == []


def test_padding_changes_nothing_and_order_does() -> None:
    encoder = TextEncoder(TextEncoderConfig.tiny()).eval()
    torch.nn.init.normal_(encoder.words.weight)
    alone = encoder(tokenise(["red hair"], 64))
    among = encoder(tokenise(["red hair", "a man with a very long black beard and green eyes"], 64))
    torch.testing.assert_close(alone[0], among[0], atol=1e-5, rtol=1e-4)
    swapped = encoder(tokenise(["hair red"], 64))
    assert (alone - swapped).abs().max() > 1e-4


def test_an_empty_sentence_has_a_vector() -> None:
    encoder = TextEncoder(TextEncoderConfig.tiny())
    assert encoder(tokenise([""], 64)).isfinite().all()


def test_the_default_is_small() -> None:
    assert sum(parameter.numel() for parameter in TextEncoder(TextEncoderConfig()).parameters()) < 1_500_000
