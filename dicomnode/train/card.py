"""The model card, for people and for machines, from the same figures."""

from __future__ import annotations

import datetime as dt
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dicomnode import __version__
from dicomnode.train.data import SPLITS, Film
from dicomnode.train.recipe import Recipe

_LIBRARIES = ("torch", "onnx", "onnxruntime", "numpy", "pillow", "scikit-learn")


def card(recipe: Recipe, films: tuple[Film, ...], figures: dict[str, Any], command: str) -> dict[str, Any]:
    """Everything that both cards say.

    Parameters
    ----------
    films
        All rows of the labels.
    figures
        `evaluate.evaluate_bundle`'s tables, and `export`: what compression changed.
    command
        How to make the bundle again.
    """
    return {
        "bundle": f"{recipe.bundle.name} {recipe.bundle.version}",
        "description": recipe.bundle.description,
        "intended_use": "research; not for diagnostic use; a radiologist verifies every word",
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
            f"Figures are of the test split, by which nothing was fitted or chosen; brackets are 95 % percentile"
            f" intervals of {recipe.card.bootstrap} bootstrap resamples of patients (seed {recipe.fit.seed})."
            " Calibration and thresholds come from the validation split. All figures are of the shipped INT8 graphs."
        ),
        **figures,
        "limits": list(recipe.card.limits),
    }


def _split(films: tuple[Film, ...], name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    """Images, patients and positives of a split by source."""
    table = {}
    for source in sorted({film.source for film in films}):
        here = [film for film in films if film.split == name and film.source == source]
        positives = {
            key: sum(film.labels[k] == 1 for film in here)
            for k, key in enumerate(keys)
            if any(film.labels[k] in (0, 1) for film in here)
        }
        patients = len({film.patient_id for film in here})
        table[source] = {"images": len(here), "patients": patients, "positives": positives}
    return table


def write_cards(content: dict[str, Any], folder: Path) -> None:
    """Write `card.json` and `card.md`."""
    (folder / "card.json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "card.md").write_text("\n".join(_markdown(content)) + "\n", encoding="utf-8")


def write_unmeasured(folder: Path) -> None:
    """Write cards that say that there are no figures yet: a bundle must have cards to be opened and measured."""
    (folder / "card.json").write_text('{"figures": null}\n', encoding="utf-8")
    (folder / "card.md").write_text("Not measured yet.\n", encoding="utf-8")


def _markdown(content: dict[str, Any]) -> list[str]:
    made = content["made"]
    libraries = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return [
        f"# {content['bundle']}",
        "",
        content["description"],
        f"Intended use: {content['intended_use']}.",
        "",
        "## Data",
        "| split | source | images | patients | positives |",
        "|---|---|---|---|---|",
        *_data_rows(content["data"]),
        "",
        *(f"- {licence}" for licence in content["licences"]),
        "",
        *_figures(content),
        "",
        "## Limits",
        *(f"- {limit}" for limit in content["limits"]),
        "",
        "## How it was made",
        f"`{made['command']}`, seed {made['seed']}, {made['date']}, recipe {made['recipe_digest'][:12]}.",
        f"With {libraries}.",
    ]


def _figures(content: dict[str, Any]) -> list[str]:
    return [
        "## Figures",
        content["method"],
        "",
        "| finding | group | positives / images | AUC | sensitivity | specificity | PPV |",
        "|---|---|---|---|---|---|---|",
        *_classifier_rows(content["classifier"]),
        "",
        "| finding | threshold | calibration error |",
        "|---|---|---|",
        *(f"| {key} | {f['threshold']} | {f['calibration_error']} |" for key, f in content["classifier"].items()),
        "",
        "### Drafted text",
        "| finding | spoken of | agrees with classifier | F1 of text | F1 of classifier |",
        "|---|---|---|---|---|",
        *_text_rows(content["text"]),
        "",
        "### Control without the pixels",
        *_lines(content["blind_control"]),
        "",
        "### Compression",
        *_lines(content["export"]),
    ]


def _data_rows(data: dict[str, Any]) -> list[str]:
    return [
        f"| {name} | {source} | {row['images']} | {row['patients']} | "
        + ", ".join(f"{key} {count}" for key, count in row["positives"].items())
        + " |"
        for name, table in data.items()
        for source, row in table.items()
    ]


def _classifier_rows(classifier: dict[str, Any]) -> list[str]:
    columns = ("auc", "sensitivity", "specificity", "ppv")
    return [
        f"| {key} | {group} | {row['positives']} / {row['images']} | "
        + " | ".join(_shown(row.get(column, "")) for column in columns)
        + " |"
        for key, finding in classifier.items()
        for group, row in finding["groups"].items()
    ]


def _text_rows(text: dict[str, Any]) -> list[str]:
    columns = ("spoken_of_where_label_known", "agrees_with_classifier", "f1_text", "f1_classifier")
    return [f"| {key} | " + " | ".join(_shown(row.get(c, "")) for c in columns) + " |" for key, row in text.items()]


def _lines(table: dict[str, Any]) -> list[str]:
    return [f"- {name.replace('_', ' ')}: {_shown(value)}" for name, value in table.items()]


def _shown(value: Any) -> str:
    if isinstance(value, dict) and "interval" in value:
        low, high = value["interval"]
        return f"{value['value']:.3f} [{low:.3f}, {high:.3f}]"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    return str(value)
