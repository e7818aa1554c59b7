"""Readings whose class map speaks for one known place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dicomnode.records import (
    Acuity,
    CodedConcept,
    Draft,
    Encoding,
    FindingSpec,
    FloatArray,
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
        class_map: FloatArray, *, frame: tuple[int, int] = (64, 64), placement: Placement | None = None
    ) -> Reading:
        image = PreparedImage(
            sop_instance_uid="1.2.3",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
            frame_number=1,
            pixel_values=np.zeros((1, 32, 32), np.float32),
            display=np.zeros(frame, np.uint8),
            placement=placement or Placement(scale=0.5, top=0.5, left=0.5),
        )
        encoding = Encoding(
            probabilities=np.array([0.9], np.float32),
            logits=np.array([2.0], np.float32),
            class_maps=class_map[None].astype(np.float32),
            features=np.zeros(4, np.float32),
            segmentation=np.zeros((0, 0, 0), np.float32),
            tokens=np.zeros((0, 0), np.float32),
            attended=np.zeros((1, 0), np.float32),
        )
        draft = Draft(
            sentences=(), is_truncated=False, mean_log_probability=0.0, attention=np.zeros((0, 0), np.float32)
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
