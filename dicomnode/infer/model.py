"""A loaded model: prepared images in, findings and a draft out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort

from dicomnode.errors import BundleError
from dicomnode.infer.bundle import Bundle
from dicomnode.infer.calibrate import calibrated
from dicomnode.infer.generate import greedy, sentences
from dicomnode.infer.sessions import ENCODER_OUTPUTS, contract_faults, open_session, run
from dicomnode.records import Draft, Encoding, FloatArray, PreparedImage, Reading

# K findings, S encoder positions, T new tokens, V vocabulary


class Model:
    """One bundle in memory.

    Does: encode prepared images one at a time, write a draft from an encoding.
    Does not: read DICOM, decide what is reported.

    Parameters
    ----------
    bundle
        A loaded bundle.
    threads
        ONNX Runtime threads for one operator.

    Raises
    ------
    BundleError
        If a graph cannot be loaded or breaks its contract.
    """

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        self.bundle = bundle
        self._encoder = open_session(bundle.folder / "encoder.onnx", threads)
        self._decoder = open_session(bundle.folder / "decoder.onnx", threads)
        faults = contract_faults(self._encoder, self._decoder, bundle.contract)
        if faults:
            raise BundleError(f"{bundle.folder}: {faults[0]}")

    def encode(self, image: PreparedImage) -> Encoding:
        """Findings, maps and features of one image."""
        feeds = {"pixel_values": image.pixel_values[np.newaxis]}
        logits, class_maps, features, encoder_key_values = run(self._encoder, ENCODER_OUTPUTS, feeds)
        return Encoding(
            probabilities=calibrated(logits[0], self.bundle.calibration),
            logits=logits[0],
            class_maps=class_maps[0],
            features=features[0],
            encoder_key_values=encoder_key_values,
        )

    def encode_many(self, images: Sequence[PreparedImage]) -> tuple[Encoding, ...]:
        """Encode each image by itself.

        Never as one batch: dynamic INT8 takes its scale from the whole batch, so that an image's probability would
        depend on its neighbours. On a CPU a batch gains next to nothing.
        """
        return tuple(self.encode(image) for image in images)

    def generate(self, encoding: Encoding) -> Draft:
        """Write a draft, always taking the likeliest word."""
        tokens = self.bundle.tokens
        generated = greedy(
            CachedDecoder(self._decoder, self.bundle, encoding.encoder_key_values),
            bos_token_id=tokens.bos_token_id,
            eos_token_id=tokens.eos_token_id,
            max_new_tokens=self.bundle.max_new_tokens,
        )
        special = {tokens.pad_token_id, tokens.bos_token_id, tokens.eos_token_id}
        words = [token_id for token_id in generated.token_ids if token_id not in special]
        return Draft(
            sentences=sentences(words, self.bundle.vocab, is_truncated=generated.is_truncated),
            is_truncated=generated.is_truncated,
            mean_log_probability=generated.mean_log_probability,
        )

    def read(self, images: Sequence[PreparedImage]) -> Reading:
        """Read one study: every image is encoded, the draft is written from the most conspicuous one.

        Parameters
        ----------
        images
            At least one.

        Raises
        ------
        ValueError
            If there is no image.
        BundleError
            If a graph fails.
        """
        if not images:
            raise ValueError("a study to read must have at least one image")
        encodings = self.encode_many(images)
        probabilities = np.stack([encoding.probabilities for encoding in encodings])  # (images, K)
        return Reading(
            images=tuple(images),
            encodings=encodings,
            probabilities=probabilities.max(axis=0),
            best_images=tuple(int(index) for index in probabilities.argmax(axis=0)),
            draft=self.generate(encodings[self._most_conspicuous(probabilities)]),
        )

    def _most_conspicuous(self, probabilities: FloatArray) -> int:
        """Image whose likeliest finding stands farthest above its threshold."""
        thresholds = np.array([finding.threshold for finding in self.bundle.findings])
        return int((probabilities - thresholds).max(axis=1).argmax())


class CachedDecoder:
    """The decoder of one draft; keeps the keys and values of all tokens so far.

    Parameters
    ----------
    encoder_key_values
        (layers, 2, 1, heads, S, head width) of the image.
    """

    def __init__(self, session: ort.InferenceSession, bundle: Bundle, encoder_key_values: FloatArray) -> None:
        self._session = session
        self._encoder_key_values = encoder_key_values
        self._past_key_values = np.zeros(bundle.contract.key_values_shape(0), dtype=np.float32)

    def __call__(self, decoder_input_ids: np.ndarray) -> FloatArray:
        """Logits (1, T, V) of the tokens (1, T) that follow those of earlier calls."""
        feeds = {
            "decoder_input_ids": decoder_input_ids,
            "encoder_key_values": self._encoder_key_values,
            "past_key_values": self._past_key_values,
        }
        logits, self._past_key_values = run(self._session, ("logits", "present_key_values"), feeds)
        return logits  # type: ignore[no-any-return]
