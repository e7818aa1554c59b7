"""Tokens one by one to a text, greedy and with beams."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dicomnode.infer.generate import Step, generate

BOS, EOS, WORDS = 1, 2, 9


class Script:
    """A decoder that says these tokens, whatever it is told, and looks at the place with the token's number."""

    def __init__(self, token_ids: list[int]) -> None:
        self.left = iter(token_ids)

    def __call__(self, decoder_input_ids: np.ndarray, parents: np.ndarray) -> Step:
        """One row in, one row out."""
        assert ((1, 1), (1,)) == (decoder_input_ids.shape, parents.shape)
        logits = np.zeros((1, 1, WORDS), dtype=np.float32)
        logits[0, 0, next(self.left)] = 20
        return Step(logits, logits / 20)


class Memory:
    """A decoder whose odds depend on the whole text so far: it shows whether rows keep their own past."""

    def __init__(self, size: int = 4) -> None:
        self.size = size
        self.texts: list[tuple[int, ...]] = [()]

    def __call__(self, decoder_input_ids: np.ndarray, parents: np.ndarray) -> Step:
        """As many rows as are told."""
        told = zip(parents, decoder_input_ids[:, 0], strict=True)
        self.texts = [(*self.texts[parent], int(token_id)) for parent, token_id in told]
        logits = np.stack([self.odds(text) for text in self.texts])[:, np.newaxis].astype(np.float32)
        return Step(logits, np.array([[[len(text)]] for text in self.texts], dtype=np.float32))

    def odds(self, text: tuple[int, ...]) -> np.ndarray:
        """Logits (V,) after a text."""
        return np.random.default_rng([*text]).normal(0, 2, self.size)

    def score(self, text: tuple[int, ...]) -> float:
        """Mean log-probability of a text that begins with BOS."""
        steps = [(text[:place], text[place]) for place in range(1, len(text))]
        return float(np.mean([self.odds(past)[new] - np.logaddexp.reduce(self.odds(past)) for past, new in steps]))


def _generate(step, most: int = 10, beams: int = 1):
    return generate(step, bos_token_id=BOS, eos_token_id=EOS, max_new_tokens=most, beams=beams)


def test_it_ends_at_the_end_token():
    """The likeliest token is taken until the end token comes, which is not part of the text."""
    assert ((3, 4, 5), False) == _generate(Script([3, 4, 5, 2, 7]))[:2]


def test_the_token_limit_truncates():
    """A text that never ends is cut off and says so."""
    assert ((3, 3, 3, 3), True) == _generate(Script([3] * 9), most=4)[:2]


def test_where_the_decoder_looked_is_kept_for_each_token():
    """Each token has the attention of the step that wrote it."""
    assert [3, 4, 5] == list(_generate(Script([3, 4, 5, 2])).attention.argmax(axis=1))


def test_the_log_probability_is_that_of_the_tokens_taken():
    """Even odds between two tokens are worth log 1/2 each time."""

    def step(*_: np.ndarray) -> Step:
        logits = np.full((1, 1, WORDS), -1e4, dtype=np.float32)
        logits[0, 0, 3:5] = 0
        return Step(logits, logits)

    assert pytest.approx(np.log(0.5)) == _generate(step).mean_log_probability


def test_logits_of_the_wrong_rank_are_refused():
    """A step that forgets the batch axis is a mistake of the programmer."""
    flat = np.zeros((1, 9), dtype=np.float32)
    with pytest.raises(ValueError, match=r"must be \(B, T, V\)"):
        _generate(lambda *_: Step(flat, flat))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("beams", [1, 3, 200])
def test_what_is_generated_has_the_score_it_says(seed, beams):
    """Rows of a beam keep their own past: the score told is that of the text told."""
    decoder = Memory(size=4 + seed)
    generated = _generate(decoder, most=5, beams=beams)

    text = (BOS, *generated.token_ids, *([] if generated.is_truncated else [EOS]))
    assert pytest.approx(decoder.score(text), abs=1e-5) == generated.mean_log_probability
    assert [1 + place for place in range(len(generated.token_ids))] == [int(n) for n in generated.attention[:, 0]]


def test_one_beam_always_takes_the_likeliest_token():
    """Greedy search never looks ahead."""
    decoder, expected = Memory(size=6), [BOS]
    while len(expected) < 6 and (len(expected) == 1 or expected[-1] != EOS):
        expected.append(int(decoder.odds(tuple(expected)).argmax()))

    generated = _generate(Memory(size=6), most=5)
    assert [token_id for token_id in expected[1:] if token_id != EOS] == list(generated.token_ids)


@pytest.mark.parametrize("size", [4, 5, 6])
def test_enough_beams_find_the_best_text_that_ends(size):
    """With a beam for every text the answer is the one that an exhaustive search finds."""
    decoder = Memory(size=size)
    words = [token_id for token_id in range(size) if token_id != EOS]
    ended = [
        (BOS, *text, EOS) for length in range(4) for text in itertools.product(words, repeat=length)
    ]  # the fourth token is the last
    best = max(ended, key=decoder.score)

    assert best[1:-1] == _generate(decoder, most=4, beams=size**4).token_ids
