"""Findings, readings and settings to write reports from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dicomnode.records import (
    Acuity,
    BundleIdentity,
    CodedConcept,
    Draft,
    FindingSpec,
    Reading,
    Report,
)
from dicomnode.report import write_report
from dicomnode.settings import AcuitySettings, ReportSettings

LUNG = CodedConcept("39607008", "SCT", "Lung")
BUNDLE = BundleIdentity(name="cxr", version="1.2.0", manufacturer="dicomnode", digest="ab" * 32)


def a_spec(key: str, acuity: Acuity, *terms: str) -> FindingSpec:
    """Return a finding that counts as present from 0.5."""
    return FindingSpec(
        key=key,
        code=CodedConcept("1", "99TEST", key.capitalize()),
        site=LUNG,
        threshold=0.5,
        acuity=acuity,
        terms=terms or (key,),
    )


SPECS = (
    a_spec("pneumonia", Acuity.URGENT, "pneumonia", "consolidation"),
    a_spec("pneumothorax", Acuity.EMERGENT),
    a_spec("effusion", Acuity.NON_CRITICAL, "effusion", "pleural effusion"),
)


@pytest.fixture
def a_report() -> Callable[..., Report]:
    """Write a report of these probabilities (pneumonia, pneumothorax, effusion) and drafted sentences."""

    def report(
        probabilities: tuple[float, float, float],
        *sentences: str,
        is_truncated: bool = False,
        specs: tuple[FindingSpec, ...] = SPECS,
        more: dict[str, object] | None = None,
        reading: dict[str, object] | None = None,
        **settings: object,
    ) -> Report:
        draft = Draft(
            sentences=sentences,
            is_truncated=is_truncated,
            mean_log_probability=-0.1,
            attention=np.zeros((len(sentences), 1), np.float32),
        )
        given = Reading(
            images=(),
            encodings=(),
            logits=np.zeros(3, np.float32),
            probabilities=np.array(probabilities, np.float32),
            slice_attention=np.zeros((3, 0), np.float32),
            strangeness=np.zeros(0, np.float32),
            best_images=(0, 0, 0),
            not_judged=0,
            draft=draft,
        )
        return write_report(
            specs=specs,
            reading=replace(given, **(reading or {})),
            heatmaps={},
            regions={},
            acuity=AcuitySettings(),
            settings=ReportSettings(**settings),
            **({"bundle": BUNDLE} | (more or {})),
        )

    return report
