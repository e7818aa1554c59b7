"""Tokens one by one to sentences."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.infer.generate import greedy, sentences

VOCAB = dict(enumerate(["[PAD]", "[BOS]", "[EOS]", "no", "effusion", ".", ",", "heart", "large"]))


def _script(token_ids: list[int]):
    """A decoder that says these tokens, whatever it is told."""
    left = iter(token_ids)

    def step(decoder_input_ids: np.ndarray) -> np.ndarray:
        assert (1, 1) == decoder_input_ids.shape
        logits = np.zeros((1, 1, len(VOCAB)), dtype=np.float32)
        logits[0, 0, next(left)] = 20
        return logits

    return step


def _generate(step, most: int = 10):
    return greedy(step, bos_token_id=1, eos_token_id=2, max_new_tokens=most)


def test_it_ends_at_the_end_token():
    """The likeliest token is taken until the end token comes, which is not part of the text."""
    assert ((3, 4, 5), False) == _generate(_script([3, 4, 5, 2, 7]))[:2]


def test_the_token_limit_truncates():
    """A text that never ends is cut off and says so."""
    assert ((3, 3, 3, 3), True) == _generate(_script([3] * 9), most=4)[:2]


def test_the_log_probability_is_that_of_the_tokens_taken():
    """Even odds between two tokens are worth log 1/2 each time."""

    def step(_: np.ndarray) -> np.ndarray:
        logits = np.full((1, 1, len(VOCAB)), -1e4, dtype=np.float32)
        logits[0, 0, 3:5] = 0
        return logits

    assert pytest.approx(np.log(0.5)) == _generate(step).mean_log_probability


def test_logits_of_the_wrong_rank_are_refused():
    """A step that forgets the batch axis is a mistake of the programmer."""
    with pytest.raises(ValueError, match=r"must be \(1, T, V\)"):
        _generate(lambda _: np.zeros((1, 9), dtype=np.float32))


@pytest.mark.parametrize(
    ("token_ids", "is_truncated", "expected"),
    [
        ([3, 4, 5, 7, 6, 8, 5], False, ("No effusion.", "Heart, large.")),
        ([3, 4, 5, 7, 8], False, ("No effusion.", "Heart large")),
        ([3, 4, 5, 7, 8], True, ("No effusion.",)),
        ([3], True, ()),
        ([], False, ()),
    ],
)
def test_words_become_sentences(token_ids, is_truncated, expected):
    """Sentences start upper-case and end at a full stop; half a sentence is not shown."""
    assert expected == sentences(token_ids, VOCAB, is_truncated=is_truncated)
