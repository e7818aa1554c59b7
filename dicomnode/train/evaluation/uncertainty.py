"""Whether the bundle knows when it does not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicomnode.measure.metrics import PatientBootstrap, Values, mean, rounded
from dicomnode.records import FindingSpec, Presence
from dicomnode.report.verdict import verdict
from dicomnode.train.evaluation.cases import Cases, groups

# N studies, K findings

_STEPS = (25, 50, 75, 100)
"""Shares of the studies, in percent, of which the surest are answered."""


def uncertainty_figures(
    cases: Cases, specs: tuple[FindingSpec, ...], intervals: PatientBootstrap, folder: Path
) -> dict[str, Any]:
    """Coverage, undetermined verdicts and selective risk of each finding, over all and in each source.

    Parameters
    ----------
    folder
        The bundle, whose calibration.json says what coverage is promised.

    Returns
    -------
    dict[str, Any]
        By finding, by group: `covered_present`, `covered_absent` (share of the cases of a class whose verdict is not
        the other one), `undetermined`, `error` (of the threshold, over all), `error_where_determined`,
        `risk_at_coverage` (error among the surest share of the studies) and `aurc`; `promised` once for a finding.
    """
    promised = json.loads((folder / "calibration.json").read_text(encoding="utf-8")).get("conformal", {})
    figures: dict[str, Any] = {}
    for k, spec in enumerate(specs):
        truth = cases.labels[:, k]
        known = {"all": ~np.isnan(truth)} | groups(cases, truth)
        figures[spec.key] = {
            "promised": promised.get(spec.key, {}).get("promised"),
            "groups": {
                name: _group(truth, cases.probabilities[:, k], spec, among, intervals)
                for name, among in known.items()
                if "," not in name
            },
        }
    return figures


def _group(
    truth: NDArray[np.float32],
    scores: NDArray[np.float32],
    spec: FindingSpec,
    among: NDArray[np.bool_],
    intervals: PatientBootstrap,
) -> dict[str, Any]:
    said = np.array([verdict(spec, float(score)).presence for score in scores])
    wrong = (scores >= spec.threshold) != (truth == 1)
    is_determined = said != Presence.UNDETERMINED
    risk, area = risks(wrong[among], _sureness(scores[among], spec))
    return {
        "cases": int(among.sum()),
        "covered_present": intervals.figure(mean(said != Presence.ABSENT), among & (truth == 1)),
        "covered_absent": intervals.figure(mean(said != Presence.PRESENT), among & (truth == 0)),
        "undetermined": intervals.figure(mean(~is_determined), among),
        "error": intervals.figure(mean(wrong), among),
        "error_where_determined": intervals.figure(mean(wrong), among & is_determined),
        "risk_at_coverage": risk,
        "aurc": area,
    }


def _sureness(scores: NDArray[np.float32], spec: FindingSpec) -> Values:
    """How far a probability lies from the threshold, in log-odds."""
    odds = np.log(np.clip(scores, 1e-6, 1 - 1e-6) / np.clip(1 - scores, 1e-6, 1))
    return np.asarray(np.abs(odds - np.log(spec.threshold / (1 - spec.threshold))), np.float64)


def risks(wrong: NDArray[np.bool_], sureness: Values) -> tuple[Mapping[str, float], float | None]:
    """Error among the surest cases at several shares of them, and the area under the risk-coverage curve.

    The area is the mean over all shares (Geifman and El-Yaniv, 2017); of doubt that knows nothing it is the error.
    """
    if not len(wrong):
        return {}, None
    ordered = wrong[np.argsort(-sureness, kind="stable")]
    curve = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    at = {f"{step} %": rounded(curve[max(0, round(len(curve) * step / 100) - 1)]) for step in _STEPS}
    return at, rounded(curve.mean())
