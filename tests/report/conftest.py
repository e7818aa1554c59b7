"""Findings, readings and settings to write reports from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise

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
from dicomnode.report.languages import _LOCALES
from dicomnode.report.terms import findings
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


FINDINGS_KNOWN = tuple(
    FindingSpec(
        key=term.key,
        code=CodedConcept(*term.code, term.names["en"].text),
        site=LUNG,
        threshold=0.5,
        acuity=Acuity.URGENT,
        terms=(term.names["en"].text,),
        certain=(0.25, 0.75),
    )
    for term in findings()
    if term.code
)
"""Every finding that has a name in every language."""


_INTERNATIONAL = re.compile("Patient ID|Grad-CAM|Hounsfield|Study Instance UID|FOR PROCESSING|FOR PRESENTATION")
"""Names of DICOM elements, values and methods, which no language translates."""


def _pairs(text: str) -> set[tuple[str, str]]:
    words = re.findall(r"[^\W\d_]+", _INTERNATIONAL.sub("0", text).casefold())
    return set(pairwise(words))


@cache
def _english_pairs() -> set[tuple[str, str]]:
    """Pairs of words that follow each other in the English messages."""
    files = [path.read_text(encoding="utf-8") for path in _LOCALES.joinpath("en").iterdir()]
    lines = [line for text in files for line in text.splitlines() if not line.startswith("#")]
    texts = [part for line in lines for part in re.split(r"\{.*?\}", re.sub(r"^[\w-]+ =|^\s*\*?\[\w+\]", "", line))]
    return set().union(*map(_pairs, texts))


def english_in(text: str) -> set[tuple[str, str]]:
    """Pairs of words of a text that stand side by side in the English messages: no other language has one of them."""
    return _pairs(re.sub("[\u2068\u2069]", "", text)) & _english_pairs()


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
            bundle=BUNDLE,
            acuity=AcuitySettings(),
            settings=ReportSettings(**settings),
            **(more or {}),
        )

    return report
