"""Explanations on request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dicomnode.compose.caption import plain_caption
from dicomnode.compose.picture import drawn
from dicomnode.errors import ExplainError, PermanentError
from dicomnode.explain import Case, explain
from dicomnode.infer.ensemble import Reader
from dicomnode.node.comparing import priors
from dicomnode.node.models import Models
from dicomnode.node.pipeline import Pipeline, explained_case
from dicomnode.node.rooms import Stores, bundle_paths
from dicomnode.records import Estimate, Heatmap, Reading, estimate_of
from dicomnode.report import verdicts_of
from dicomnode.settings import Settings


def explain_study(
    settings: Settings, stores: Stores, study_uid: str, wanted: Sequence[str], findings: Sequence[str], out: Path
) -> list[dict[str, Any]]:
    """Read a kept study again and write its maps as PNG, and as .npz with the weights.

    Parameters
    ----------
    wanted
        Methods; none: as the settings say.
    findings
        Keys of findings; none: those that are suspected.
    out
        Folder; made where it is missing.

    Returns
    -------
    list[dict[str, Any]]
        For each finding and method `finding`, `method`, `probability`, `picture` (file, or None) and `why` there is
        none.

    Raises
    ------
    PermanentError
        If no study of that UID was read, it cannot be read any more, or a finding is not the bundle's.
    SettingsError
        If a method is unknown.
    """
    rows = [row for row in stores.jobs.list(study_instance_uid=study_uid) if row["bundle"] and not row["withdrawal"]]
    if not rows:
        raise PermanentError(f"no bundle has read a study {study_uid}; `dicomnode studies list` lists the studies")
    models = Models(bundle_paths(settings), settings.infer)
    pipeline = Pipeline(settings, models, stores.inputs, stores.results, priors(settings, stores))
    job = stores.jobs.get(max(row["id"] for row in rows))
    if job is None:
        raise PermanentError(f"the job of study {study_uid} is gone")
    model, reading, prior = pipeline.read_again(job)
    compared = None if prior is None else model.compare(reading, prior)
    out.mkdir(parents=True, exist_ok=True)
    done = []
    for k in _chosen(model, reading, findings):
        spec = model.bundle.findings[k]
        attention = None if compared is None else compared.attention[k]
        cases = {"": explained_case(model, reading, k, attention)}
        if prior is not None and attention is not None:
            cases["-prior"] = explained_case(model, prior, k, attention[::-1])
        for method in wanted or (settings.explain.findings.get(spec.key, settings.explain.method),):
            for which, case in cases.items():
                if which and method != "temporal_attention":
                    continue  # the other methods tell of the study that was asked for
                picture = out / f"{spec.key}-{method}{which}.png"
                done.append(_drawn(method, case, model, picture, settings.compose.overlay_longest_side_px))
    return done


def _drawn(method: str, case: Case, model: Reader, picture: Path, longest_side_px: int) -> dict[str, Any]:
    probability = round(float(case.reading.probabilities[case.finding]), 4)
    row: dict[str, Any] = {"finding": case.spec.key, "method": method, "probability": probability}
    try:
        heatmap = explain(method, case)
    except ExplainError as error:
        return row | {"picture": None, "why": str(error)}
    _write(heatmap, case, model, picture, longest_side_px)
    return row | {"picture": picture.name, "why": ""}


def _chosen(model: Reader, reading: Reading, findings: Sequence[str]) -> list[int]:
    keys = [finding.key for finding in model.bundle.findings]
    if unknown := sorted(set(findings) - set(keys)):
        raise PermanentError(f"the bundle does not assess {', '.join(unknown)}; it assesses {', '.join(keys)}")
    if findings:
        return [keys.index(key) for key in findings]
    return [k for k, verdict in enumerate(verdicts_of(model.bundle.findings, reading)) if verdict.is_suspected]


def _estimate(reading: Reading, finding: int) -> Estimate:
    interval = None if reading.intervals is None else reading.intervals[finding]
    return estimate_of(float(reading.probabilities[finding]), interval)


def _write(heatmap: Heatmap, case: Case, model: Reader, path: Path, longest_side_px: int) -> None:
    reading = case.reading
    caption = plain_caption(case.spec, _estimate(reading, case.finding), heatmap.method, model.bundle.identity)
    Image.fromarray(drawn(heatmap, caption, longest_side_px).pixels).save(path)
    np.savez_compressed(
        path.with_suffix(".npz"),
        weights=heatmap.weights,
        sop_instance_uid=heatmap.image.sop_instance_uid,
        frame_number=heatmap.image.frame_number,
        slice_attention=reading.slice_attention[case.finding],
    )
