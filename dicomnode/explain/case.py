"""The input of an explanation method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dicomnode.errors import ExplainError
from dicomnode.records import Encoding, FindingSpec, FloatArray, Gradients, PreparedImage, Reading

# N images, C channels, K findings, h, w cells

EncodeLogits = Callable[[FloatArray], FloatArray]
"""Pixel values (N, C, rows, columns) to logits (N, K)."""
FindGradients = Callable[[FloatArray, int], Gradients]
"""Pixel values (C, rows, columns) and index of the finding to gradients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One finding of one reading, and the functions that query the model about it.

    The caller supplies the model as functions: methods neither know nor load it.
    """

    reading: Reading
    finding: int
    """Index of the finding."""
    spec: FindingSpec
    """The finding."""
    encode_logits: EncodeLogits | None = None
    """None: the model cannot be queried with altered images."""
    find_gradients: FindGradients | None = None
    """None: the bundle has no gradients."""
    image_index: int | None = None
    """Image to explain; None: the one that speaks most for the finding."""
    compared: FloatArray | None = None
    """(2, h, w): where the model looked in this image and in the one it was compared with, sums to 1 over both; None:
    there was no comparison."""

    @property
    def index(self) -> int:
        """Index of the image that is explained."""
        return self.reading.best_images[self.finding] if self.image_index is None else self.image_index

    @property
    def image(self) -> PreparedImage:
        """The image that is explained."""
        return self.reading.images[self.index]

    @property
    def encoding(self) -> Encoding:
        """Its encoding."""
        return self.reading.encodings[self.index]

    @property
    def class_map(self) -> FloatArray:
        """(h, w) of the finding.

        Raises
        ------
        ExplainError
            If the encoder gives no class maps.
        """
        if not self.encoding.has_maps:
            raise ExplainError("the bundle's encoder has no class maps: it only classifies")
        return np.asarray(self.encoding.class_maps[self.finding], dtype=np.float32)

    def logits(self, pixel_values: FloatArray) -> FloatArray:
        """The finding's logits (N,) of pixels (N, C, rows, columns).

        Raises
        ------
        ExplainError
            If the model cannot be asked.
        """
        if self.encode_logits is None:
            raise ExplainError("this method needs the model's outputs for altered images, which are not available here")
        return np.asarray(self.encode_logits(pixel_values)[:, self.finding], dtype=np.float32)

    def gradients(self, pixel_values: FloatArray | None = None) -> Gradients:
        """How the finding's logit depends on pixels (C, rows, columns), if not on those of the image.

        Raises
        ------
        ExplainError
            If the bundle has no gradients.
        """
        if self.find_gradients is None:
            raise ExplainError(
                "the bundle has no gradients.onnx; `dicomnode model gradients` adds it to a trained bundle"
            )
        return self.find_gradients(self.image.pixel_values if pixel_values is None else pixel_values, self.finding)
