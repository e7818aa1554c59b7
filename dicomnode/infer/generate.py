"""Token by token to a text, on NumPy alone: greedy and beam search."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dicomnode.records import FloatArray

# B rows that are written side by side, T new tokens, S positions of the encoder's memory, V vocabulary

IntArray = NDArray[np.int64]


class Step(NamedTuple):
    """What the decoder says after one more token."""

    logits: FloatArray
    """(B, T, V)."""
    attention: FloatArray
    """(B, T, S), where it looked."""


DecoderStep = Callable[[IntArray, IntArray], Step]
"""Takes the tokens (B, 1) that are new since its last call, and the row (B,) of that call which each goes on from."""


class Generated(NamedTuple):
    """What came out of the decoder."""

    token_ids: tuple[int, ...]
    """Without the begin and the end token."""
    is_truncated: bool
    """The token limit was reached before the end token."""
    mean_log_probability: float
    """Over all tokens taken, the end token included."""
    attention: FloatArray
    """(tokens, S): where the decoder looked when it wrote each of them."""


@dataclass(slots=True)
class _Beam:
    """Texts that are being written side by side, the likeliest first."""

    tokens: IntArray
    """(B, tokens so far)."""
    attention: FloatArray
    """(B, tokens so far, S)."""
    scores: NDArray[np.float64]
    """(B,) sums of log-probabilities."""
    ended: list[Generated] = field(default_factory=list)

    @property
    def length(self) -> int:
        return int(self.tokens.shape[1])

    def text(self, row: int, score: float, *, is_truncated: bool) -> Generated:
        """One of them as it stands; its score is divided by its length, the end token counted."""
        length = self.length + (not is_truncated)
        tokens = tuple(int(token_id) for token_id in self.tokens[row])
        return Generated(tokens, is_truncated, score / length, self.attention[row])


def generate(
    step: DecoderStep, *, bos_token_id: int, eos_token_id: int, max_new_tokens: int, beams: int = 1
) -> Generated:
    """Generate one text.

    Parameters
    ----------
    step
        The decoder; it remembers what it was told before.
    max_new_tokens
        Hard stop, 1 or more; a text that reaches it is truncated, not an error.
    beams
        Texts that are tried side by side; the one with the highest mean log-probability wins. 1: greedy, always the
        likeliest token.

    Raises
    ------
    ValueError
        If `step` returns logits whose rank is not 3.
    """
    beam, parents, new = None, np.zeros(1, np.int64), np.array([bos_token_id], np.int64)
    while True:
        said = step(new[:, np.newaxis], parents)
        if said.logits.ndim != 3:
            raise ValueError(f"logits must be (B, T, V), got shape {said.logits.shape}")
        if beam is None:
            beam = _Beam(np.zeros((1, 0), np.int64), said.attention[:, :0], np.zeros(1))
        parents, new = _grow(beam, said, eos_token_id, beams)
        if _is_done(beam, beams):
            return max(beam.ended, key=lambda text: text.mean_log_probability)
        if beam.length == max_new_tokens:
            unfinished = beam.text(0, float(beam.scores[0]), is_truncated=True)
            return max(beam.ended, key=lambda text: text.mean_log_probability, default=unfinished)


def _grow(beam: _Beam, said: Step, eos_token_id: int, beams: int) -> tuple[IntArray, IntArray]:
    """Take the likeliest continuations; those that end are put aside.

    Returns
    -------
    The row (B,) that each text of the beam goes on from, and its new token (B,).
    """
    last = said.logits[:, -1].astype(np.float64)  # (B, V)
    log_probabilities = last - np.logaddexp.reduce(last, axis=1, keepdims=True)
    sums = (beam.scores[:, np.newaxis] + log_probabilities).ravel()
    # Each row can end once, so twice as many leave enough that go on.
    count = min(2 * beams, sums.size)
    likeliest = np.argpartition(-sums, count - 1)[:count]
    likeliest = likeliest[np.lexsort((likeliest, -sums[likeliest]))]
    parents, tokens = np.divmod(likeliest, last.shape[1])
    for rank in np.flatnonzero(tokens[:beams] == eos_token_id):
        beam.ended.append(beam.text(int(parents[rank]), float(sums[likeliest[rank]]), is_truncated=False))
    going_on = np.flatnonzero(tokens != eos_token_id)[:beams]
    parents, tokens = parents[going_on], tokens[going_on]
    beam.tokens = np.concatenate([beam.tokens[parents], tokens[:, np.newaxis]], axis=1)
    beam.attention = np.concatenate([beam.attention[parents], said.attention[parents, -1:]], axis=1)
    beam.scores = sums[likeliest[going_on]]
    return parents, tokens


def _is_done(beam: _Beam, beams: int) -> bool:
    """Enough have ended, and the best of them is better than any that goes on stands now."""
    if len(beam.ended) < beams and beam.scores.size:
        return False
    best = max(text.mean_log_probability for text in beam.ended)
    return not beam.scores.size or best >= float(beam.scores[0]) / beam.length
