"""The decoder with its memory of the tokens so far."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort

from dicomnode.infer.bundle import Drafting
from dicomnode.infer.generate import Generated, IntArray, Step, generate
from dicomnode.infer.sessions import DECODER_OUTPUTS, run
from dicomnode.infer.tokenizer import SpokenSentence
from dicomnode.records import Draft, FloatArray, Prompted

# B rows that are written side by side, T new tokens, S memory positions, V vocabulary

NO_DRAFT = Draft(
    sentences=(), is_truncated=False, mean_log_probability=0.0, attention=np.zeros((0, 0), dtype=np.float32)
)
"""Of a bundle without a decoder."""


class CachedDecoder:
    """The decoder of one draft; keeps the keys and values of prompts and tokens so far.

    Parameters
    ----------
    past_key_values
        (layers, 2, 1, heads, 0, head width): of nothing.
    prompted
        The images to write about.
    """

    def __init__(self, session: ort.InferenceSession, past_key_values: FloatArray, prompted: Prompted) -> None:
        self._session = session
        self._prompted = prompted
        self._prompt_embeds = prompted.prompt_embeds
        self._past_key_values = past_key_values

    def __call__(self, decoder_input_ids: IntArray, parents: IntArray) -> Step:
        """Logits (B, T, V) and attention (B, T, S) of the tokens (B, T) that follow those of earlier calls.

        Parameters
        ----------
        parents
            (B,) row of the last call that each row goes on from.
        """
        rows = len(parents)
        feeds = {
            "decoder_input_ids": decoder_input_ids,
            "prompt_embeds": np.repeat(self._prompt_embeds, rows, axis=0),
            "encoder_key_values": np.repeat(self._prompted.encoder_key_values, rows, axis=2),
            "anatomical_bias": np.repeat(self._prompted.anatomical_bias, rows, axis=0),
            "past_key_values": self._past_key_values[:, :, parents],
        }
        logits, self._past_key_values, attention = run(self._session, DECODER_OUTPUTS, feeds)
        self._prompt_embeds = self._prompt_embeds[:, :0]  # they are in the cache now
        return Step(logits, attention)


def written(decoder: CachedDecoder, drafting: Drafting, beams: int) -> Draft:
    """Let a decoder that has said nothing yet write its draft."""
    tokens = drafting.tokens
    generated = generate(
        decoder,
        bos_token_id=tokens.bos_token_id,
        eos_token_id=tokens.eos_token_id,
        max_new_tokens=drafting.max_new_tokens,
        beams=beams,
    )
    special = {tokens.pad_token_id, tokens.bos_token_id, tokens.eos_token_id}
    places = [place for place, token_id in enumerate(generated.token_ids) if token_id not in special]
    words = [generated.token_ids[place] for place in places]
    sentences = drafting.tokenizer.sentences(words, is_truncated=generated.is_truncated)
    return Draft(
        sentences=tuple(sentence.text for sentence in sentences),
        is_truncated=generated.is_truncated,
        mean_log_probability=generated.mean_log_probability,
        attention=_attention(sentences, places, generated),
    )


def _attention(sentences: tuple[SpokenSentence, ...], places: list[int], generated: Generated) -> FloatArray:
    """(sentences, S), the mean over the tokens of each."""
    means = np.zeros((len(sentences), generated.attention.shape[1]), dtype=np.float32)
    for mean, sentence in zip(means, sentences, strict=True):
        mean[:] = generated.attention[[places[token] for token in sentence.tokens]].mean(axis=0)
    return means
