"""Token ids to sentences.

Two kinds of tokenizer.json (Hugging Face tokenizers JSON) are read: WordLevel, whose tokens are whole words, and
byte-level BPE (GPT-2, Llama 3 and Qwen are of this kind), whose tokens are bytes written as printable characters.
Only decoding is needed, so merges and pre-tokenizers are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

_SENTENCE_END = re.compile(rb"[.!?]+(?=\s|$)|\n+")
"""A full stop within a number is none."""
_CLOSE_UP = (".", ",")
"""Words of a WordLevel vocabulary before which there is no blank."""


class TokenizerError(ValueError):
    """A tokenizer.json that cannot be decoded with; the message says what would be right."""


class SpokenSentence(NamedTuple):
    """One sentence of a draft."""

    text: str
    """First letter upper-case."""
    tokens: tuple[int, ...]
    """Which of the draft's tokens it is made of, by their places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenizer:
    """What the tokens of a vocabulary stand for."""

    pieces: Mapping[int, bytes]
    """UTF-8 that each token id adds to the text."""
    may_lack_ids: bool
    """The decoder may know more ids than the vocabulary: language models pad theirs. Such an id adds nothing."""

    def sentences(self, token_ids: Sequence[int], *, is_truncated: bool) -> tuple[SpokenSentence, ...]:
        """Split a text into its sentences.

        Parameters
        ----------
        token_ids
            Without special tokens.
        is_truncated
            What follows the last full stop is then half a sentence, which may say the opposite of the whole: left out.
        """
        pieces = [self.pieces.get(token_id, b"") for token_id in token_ids]
        text = b"".join(pieces)
        ends = np.array([*accumulate(len(piece) for piece in pieces)], dtype=np.intp)  # of each token
        starts = ends - [len(piece) for piece in pieces]
        stops = [match.end() for match in _SENTENCE_END.finditer(text)]
        if not is_truncated:
            stops.append(len(text))
        found = []
        for start, stop in zip([0, *stops], stops, strict=False):
            words = " ".join(text[start:stop].decode("utf-8", errors="replace").split())
            if words:
                places = np.flatnonzero((ends > start) & (starts < stop))
                found.append(SpokenSentence(words[:1].upper() + words[1:], tuple(int(place) for place in places)))
        return tuple(found)


def read_tokenizer(content: Any) -> Tokenizer:
    """Understand the content of a tokenizer.json.

    Raises
    ------
    TokenizerError
        If it is neither WordLevel nor byte-level BPE, or holds no table from token to id.
    """
    try:
        kind = content["model"]["type"]
        vocab = {str(token): int(token_id) for token, token_id in content["model"]["vocab"].items()}
        added = {int(one["id"]): str(one["content"]) for one in content.get("added_tokens") or ()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise TokenizerError("must have model.type and model.vocab (a table from token to id)") from None
    if kind == "WordLevel":
        words = {token_id: token for token, token_id in vocab.items()} | added
        pieces = {token_id: _word(word) for token_id, word in words.items()}
        return Tokenizer(pieces=pieces, may_lack_ids=False)
    if kind == "BPE" and _is_byte_level(content):
        pieces = {token_id: _bytes(token) for token, token_id in vocab.items() if token_id not in added}
        return Tokenizer(pieces=pieces | {i: text.encode() for i, text in added.items()}, may_lack_ids=True)
    raise TokenizerError(f"model.type must be WordLevel, or BPE with a ByteLevel decoder, not {kind!r}")


def _word(word: str) -> bytes:
    return (word if word in _CLOSE_UP else f" {word}").encode()


def _is_byte_level(content: Mapping[str, Any]) -> bool:
    decoder = content.get("decoder")
    if not isinstance(decoder, dict):
        return False
    steps = decoder.get("decoders") or () if decoder.get("type") == "Sequence" else (decoder,)
    return any(isinstance(step, dict) and step.get("type") == "ByteLevel" for step in steps)


def _bytes(token: str) -> bytes:
    """Raises TokenizerError for a token that is not written in the alphabet of bytes."""
    try:
        return bytes(_byte_of_character()[character] for character in token)
    except KeyError as error:
        raise TokenizerError(f"is not a byte-level BPE: its tokens contain the character {error.args[0]!r}") from None


@cache
def _byte_of_character() -> dict[str, int]:
    """The alphabet of GPT-2: printable bytes stand for themselves, the others for characters from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(0x100 + n): byte for n, byte in enumerate(others)}
