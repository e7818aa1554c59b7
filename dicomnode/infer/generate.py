"""Token by token to text, on NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dicomnode.records import FloatArray

# T new tokens, V vocabulary
DecoderStep = Callable[[np.ndarray], FloatArray]


class Generated(NamedTuple):
    """What came out of the decoder."""

    token_ids: tuple[int, ...]
    """Without the begin and the end token."""
    is_truncated: bool
    """The token limit was reached before the end token."""
    mean_log_probability: float
    """Over all tokens taken, the end token included."""


def greedy(step: DecoderStep, *, bos_token_id: int, eos_token_id: int, max_new_tokens: int) -> Generated:
    """Generate one text, always taking the likeliest token.

    Parameters
    ----------
    step
        Maps the tokens that are new since its last call, int64 (1, T), to `logits` (1, T, V); it remembers the rest.
    max_new_tokens
        Hard stop, 1 or more; a text that reaches it is truncated, not an error.

    Raises
    ------
    ValueError
        If `step` returns logits whose rank is not 3.
    """
    token_ids: list[int] = []
    log_probabilities: list[float] = []
    token_id = bos_token_id
    while len(token_ids) < max_new_tokens:
        logits = step(np.array([[token_id]], dtype=np.int64))  # (1, 1, V)
        if logits.ndim != 3:
            raise ValueError(f"logits must be (1, T, V), got shape {logits.shape}")
        last = logits[0, -1].astype(np.float64)  # (V,)
        token_id = int(last.argmax())
        log_probabilities.append(float(last[token_id] - np.logaddexp.reduce(last)))
        if token_id == eos_token_id:
            return Generated(tuple(token_ids), False, float(np.mean(log_probabilities)))
        token_ids.append(token_id)
    return Generated(tuple(token_ids), True, float(np.mean(log_probabilities)))


def sentences(token_ids: Sequence[int], vocab: Mapping[int, str], *, is_truncated: bool) -> tuple[str, ...]:
    """Words to sentences: blanks between words but none before "." and ",", the first letter upper-case.

    Parameters
    ----------
    is_truncated
        What follows the last full stop is then half a sentence, which may say the opposite of the whole: left out.
    """
    found: list[str] = []
    words = ""
    for word in (vocab[token_id] for token_id in token_ids):
        words += word if word in (".", ",") or not words else f" {word}"
        if word == ".":
            found.append(words)
            words = ""
    if words and not is_truncated:
        found.append(words)
    return tuple(sentence[:1].upper() + sentence[1:] for sentence in found)
