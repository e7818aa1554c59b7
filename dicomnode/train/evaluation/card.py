"""The model card, for people and for programs, from the same figures."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dicomnode import __version__
from dicomnode.measure.tables import Table, figure_tables
from dicomnode.train.data import SPLITS, Film
from dicomnode.train.evaluation.cases import FEWEST_TO_CLAIM
from dicomnode.train.recipe import Recipe

_LIBRARIES = ("torch", "onnx", "onnxruntime", "numpy", "pillow", "scikit-learn")
_NOT_PRINTED = ("curves",)
"""Figures for plots only."""


def card(recipe: Recipe, films: tuple[Film, ...], figures: dict[str, Any], command: str) -> dict[str, Any]:
    """The content of both cards.

    Parameters
    ----------
    films
        All rows of the labels.
    figures
        `evaluate.evaluate_bundle`'s tables, `export`: what the export changed, and where they were measured
        `compression` and `ablations`: a row of figures for each step.
    command
        How to make the bundle again.
    """
    return {
        "bundle": f"{recipe.bundle.name} {recipe.bundle.version}",
        "warning": recipe.card.warning,
        "description": recipe.bundle.description,
        "intended_use": "research; not for diagnostic use; a radiologist must verify every word",
        "made": {
            "command": command,
            "seed": recipe.fit.seed,
            "recipe_digest": recipe.digest,
            "date": dt.datetime.now(dt.UTC).date().isoformat(),
            "versions": {"dicomnode": __version__, **{name: version(name) for name in _LIBRARIES}},
        },
        "data": {name: _split(films, name, recipe.keys) for name in SPLITS},
        "licences": list(recipe.card.licences),
        "method": (
            f"Measured on the {figures['split']} split ({figures['patients']} patients), on which nothing was fitted"
            f" or chosen. Brackets are 95 % percentile intervals of {recipe.card.bootstrap} bootstrap resamples of"
            f" patients (seed {recipe.fit.seed}). Calibration and thresholds come from the validation split. All"
            " figures are those of the quantized graphs that ship, read as the node reads them."
        ),
        **{name: table for name, table in figures.items() if name not in _NOT_PRINTED},
        "not_to_be_claimed": not_claimed(figures["classifier"]),
        "limits": list(recipe.card.limits),
    }


def not_claimed(classifier: Mapping[str, Any]) -> list[str]:
    """Findings and groups with too few cases to claim anything."""
    said = []
    for key, finding in classifier.items():
        if not any(row["claim"] for row in finding["groups"].values()):
            said.append(
                f"{key}: nothing at all; no source has {FEWEST_TO_CLAIM} cases with it and {FEWEST_TO_CLAIM} without it"
                f" ({finding['positives']} with it in all)."
            )
            continue
        few = [name for name, row in finding["groups"].items() if not row["claim"]]
        if few:
            said.append(f"{key}: nothing for {'; '.join(few)}: fewer than {FEWEST_TO_CLAIM} cases with or without it.")
    return said


def _split(films: tuple[Film, ...], name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Images, studies, patients and positive images of a split by source."""
    table = {}
    for source in sorted({film.source for film in films}):
        here = [film for film in films if film.split == name and film.source == source]
        positives = {
            key: sum(film.labels[k] == 1 for film in here)
            for k, key in enumerate(keys)
            if any(film.labels[k] in (0, 1) for film in here)
        }
        table[source] = {
            "images": len(here),
            "studies": len({film.volume for film in here}),
            "patients": len({film.patient_id for film in here}),
            "positives": positives,
        }
    return table


def write_cards(content: dict[str, Any], folder: Path) -> None:
    """Write `card.json` and `card.md`."""
    (folder / "card.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "card.md").write_text("\n".join(_markdown(content)) + "\n", encoding="utf-8")


def write_unmeasured(folder: Path) -> None:
    """Write placeholder cards: a bundle must have cards before it can be opened and measured."""
    (folder / "card.json").write_text('{"figures": null}\n', encoding="utf-8")
    (folder / "card.md").write_text("Not measured yet.\n", encoding="utf-8")


def _markdown(content: dict[str, Any]) -> list[str]:
    made = content["made"]
    libraries = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    warning = [f"**{content['warning']}**", ""] if content["warning"] else []
    return [
        f"# {content['bundle']}",
        "",
        *warning,
        content["description"],
        f"Intended use: {content['intended_use']}.",
        "",
        "## May not be claimed",
        *(f"- {sentence}" for sentence in content["not_to_be_claimed"]),
        "",
        "## Limits and known shortcuts",
        *(f"- {limit}" for limit in content["limits"]),
        "",
        "## Data",
        "| split | source | images | studies | patients | positive images |",
        "|---|---|---|---|---|---|",
        *_data_rows(content["data"]),
        "",
        *(f"- {licence}" for licence in content["licences"]),
        "",
        "## Figures",
        content["method"],
        "",
        *(line for table in figure_tables(content) for line in _table(table)),
        "## How it was made",
        f"`{made['command']}`, seed {made['seed']}, {made['date']}, recipe {made['recipe_digest'][:12]}.",
        f"With {libraries}.",
    ]


def _data_rows(data: dict[str, Any]) -> list[str]:
    return [
        f"| {name} | {source} | {row['images']} | {row['studies']} | {row['patients']} | "
        + ", ".join(f"{key} {count}" for key, count in row["positives"].items())
        + " |"
        for name, table in data.items()
        for source, row in table.items()
    ]


def _table(table: Table) -> list[str]:
    cells = [table.columns, ("---",) * len(table.columns), *table.rows]
    return [
        f"### {table.title}",
        *([table.note, ""] if table.note else []),
        *("| " + " | ".join(cell.replace("|", "/") for cell in row) + " |" for row in cells),
        "",
    ]
