"""Readings whose class map speaks for one known place, and a model of one line that can be asked about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dicomnode.explain import Case
from dicomnode.records import (
    Acuity,
    CodedConcept,
    Draft,
    Encoding,
    FindingSpec,
    FloatArray,
    Gradients,
    Placement,
    PreparedImage,
    Reading,
)


@pytest.fixture
def a_spec() -> FindingSpec:
    """The only finding."""
    return FindingSpec(
        key="pneumonia",
        code=CodedConcept("233604007", "SCT", "Pneumonia"),
        site=CodedConcept("39607008", "SCT", "Lung"),
        threshold=0.5,
        acuity=Acuity.URGENT,
        terms=("pneumonia",),
    )


@pytest.fixture
def a_reading() -> Callable[..., Reading]:
    """Make a reading of one image from its class map."""

    def reading(
        class_map: FloatArray,
        *,
        frame: tuple[int, int] = (64, 64),
        placement: Placement | None = None,
        pixel_values: FloatArray | None = None,
    ) -> Reading:
        image = PreparedImage(
            sop_instance_uid="1.2.3",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
            frame_number=1,
            pixel_values=np.zeros((1, 32, 32), np.float32) if pixel_values is None else pixel_values,
            display=np.zeros(frame, np.uint8),
            placement=placement or Placement(scale=0.5, top=0.5, left=0.5),
        )
        encoding = Encoding(
            probabilities=np.array([0.9], np.float32),
            logits=np.array([2.0], np.float32),
            class_maps=class_map[None].astype(np.float32),
            features=np.zeros(4, np.float32),
            segmentation=np.zeros((0, 0, 0), np.float32),
            tokens=np.zeros((class_map.size, 3), np.float32),
            attended=np.zeros((1, 0), np.float32),
        )
        looked = np.maximum(class_map, 0).ravel() + 1e-3
        draft = Draft(
            sentences=("No fracture.", "There is pneumonia."),
            is_truncated=False,
            mean_log_probability=0.0,
            attention=np.stack([np.zeros_like(looked), looked / looked.sum()]).astype(np.float32),
        )
        return Reading(
            images=(image,),
            encodings=(encoding,),
            logits=encoding.logits,
            probabilities=encoding.probabilities,
            slice_attention=np.ones((1, 1), np.float32),
            strangeness=np.zeros(1, np.float32),
            best_images=(0,),
            not_judged=0,
            draft=draft,
        )

    return reading


@pytest.fixture
def a_case(a_spec: FindingSpec) -> Callable[..., Case]:
    """Make a case of a reading and of a model whose logit is the sum of squares of the pixels, each with its weight."""

    def case(reading: Reading, pixel_weights: FloatArray | None = None, **changes: object) -> Case:
        weights = np.ones(reading.images[0].pixel_values.shape, np.float32) if pixel_weights is None else pixel_weights
        cells = (weights.shape[1] // 8, weights.shape[2] // 8)

        def encode_logits(pixel_values: FloatArray) -> FloatArray:
            return (weights * pixel_values**2).sum((1, 2, 3))[:, None].astype(np.float32)

        def find_gradients(pixel_values: FloatArray, finding: int) -> Gradients:
            pooled = (weights * pixel_values**2).reshape(1, cells[0], 8, cells[1], 8).sum((2, 4))
            places = np.maximum(reading.encodings[0].class_maps[finding], 0) + 1e-3
            return Gradients(
                logit=float(encode_logits(pixel_values[None])[0, 0]),
                places=(places / places.sum()).astype(np.float32),
                activations=pooled.astype(np.float32),
                activation_gradients=np.ones_like(pooled, np.float32),
                pixel_gradients=(2 * weights * pixel_values).astype(np.float32),
                relevance=(weights * pixel_values**2).astype(np.float32),
            )

        given = {"encode_logits": encode_logits, "find_gradients": find_gradients} | changes
        return Case(reading=reading, finding=0, spec=a_spec, **given)

    return case
