"""The figures of an evaluation as report.json and as one page that needs nothing beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from dicomnode.errors import PermanentError
from dicomnode.measure.plots import reliability_plot, roc_plot, share_plot
from dicomnode.measure.tables import Table, explanation_tables, figure_tables

_STYLE = (
    "body{font:14px/1.45 sans-serif;margin:2em auto;max-width:100em;padding:0 1em;color:#222;background:#fff}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em;font-size:12.5px}"
    "th,td{border-bottom:1px solid #ddd;padding:.25em .7em;text-align:left;vertical-align:top}"
    "td{white-space:nowrap}td:last-child{white-space:normal;min-width:11em}"
    "th{background:#f3f3f3}.plots{display:flex;flex-wrap:wrap;gap:1em}.wide{overflow-x:auto}"
    "@media print{h2{break-after:avoid}table{break-inside:avoid}}"
)


def write_report(title: str, figures: Mapping[str, Any], folder: Path) -> None:
    """Write `report.json` and `report.html`.

    Parameters
    ----------
    title
        Bundle and data in a few words.
    figures
        As `evaluate.evaluate_bundle` gives them.
    folder
        Made where it is missing.

    Raises
    ------
    PermanentError
        If the folder cannot be written.
    """
    content = json.dumps({"title": title, **figures}, indent=1, ensure_ascii=False) + "\n"
    _write(folder, {"report.json": content, "report.html": page(title, figures)})


def page(title: str, figures: Mapping[str, Any]) -> str:
    """HTML with all tables, and the plots inline."""
    counts = (
        f"{figures['split']} split: {figures['images']} images, {figures['studies']} studies, "
        f"{figures['patients']} patients. Brackets are 95 % intervals over resampled patients."
        " Groups with fewer than 5 cases with or without a finding are left out; those marked carry no claim."
    )
    body = "\n".join(_table(table) for table in figure_tables(figures))
    return _html(title, counts, _plots(figures["curves"]), body)


def write_explanations(title: str, figures: Mapping[str, Any], folder: Path) -> None:
    """Write `explanations.json` and `explanations.html`.

    Parameters
    ----------
    figures
        As `explanations.evaluate_explanations` gives them.
    folder
        Made where it is missing; beside a trained bundle, `BUNDLE.training`, the card takes the figures from there.

    Raises
    ------
    PermanentError
        If the folder cannot be written.
    """
    curves = figures["curves"]
    plots = [
        share_plot(kind, f"pixels {done}", {name: curve[kind] for name, curve in curves.items() if curve})
        for kind, done in (("deletion", "hidden"), ("insertion", "shown"))
    ]
    body = "\n".join(_table(table) for table in explanation_tables(figures))
    html = _html(title, "Brackets are 95 % intervals over resampled images or patients.", "".join(plots), body)
    content = json.dumps({"title": title, **figures}, indent=1, ensure_ascii=False) + "\n"
    _write(folder, {"explanations.json": content, "explanations.html": html})


def _write(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise PermanentError(f"{folder} cannot be written: {error.strerror}") from None


def _html(title: str, introduction: str, plots: str, body: str) -> str:
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n<p>{escape(introduction)}</p>\n"
        f"<p><strong>Research; not for diagnostic use.</strong></p>\n"
        f'<h2>Curves</h2>\n<div class="plots">{plots}</div>\n{body}\n</body></html>\n'
    )


def _plots(curves: Mapping[str, Any]) -> str:
    drawn = [roc_plot(f"ROC: {key}", curve["roc"]) for key, curve in curves.items() if curve["roc"]]
    drawn += [
        reliability_plot(f"Reliability: {key}", curve["reliability"])
        for key, curve in curves.items()
        if curve["reliability"]
    ]
    return "".join(drawn)


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(column)}</th>" for column in table.columns)
    rows = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    note = f"<p>{escape(table.note)}</p>\n" if table.note else ""
    return (
        f'<h2>{escape(table.title)}</h2>\n{note}<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{rows}</tbody></table></div>"
    )
