"""Model cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dicomnode.measure.tables import crossed, figure_tables, shown
from dicomnode.train.data import films
from dicomnode.train.evaluation.card import card, write_cards
from dicomnode.train.recipe import Recipe

_FIGURE = {"value": 0.75, "interval": [0.5, 1.0]}


@pytest.fixture
def some_figures() -> dict[str, Any]:
    """What an evaluation and its companions may give."""
    group = {"cases": 40, "patients": 30, "positives": 4, "claim": False, "auroc": _FIGURE, "ppv": {}}
    finding = {"threshold": 0.4, "positives": 4, "cases": 40, "ece": _FIGURE, "brier": _FIGURE}
    return {
        "split": "test",
        "patients": 30,
        "classifier": {"pneumonia": finding | {"groups": {"near": group}}},
        "text": {"pneumonia": {"f1_text": _FIGURE}},
        "compression": {"teacher": {"megabytes": 140.2}, "INT8": {"megabytes": 8.1, "faster": "15 x"}},
        "ablations": [{"prompts": "none", "label_f1": _FIGURE}, {"prompts": "prompt-wise", "label_f1": _FIGURE}],
        "curves": {"pneumonia": {"roc": {}, "reliability": []}},
    }


def test_the_card_says_what_was_measured_and_what_not_to_claim(
    a_recipe: Recipe, a_data_dir: Path, some_figures: dict[str, Any], tmp_path: Path
):
    """Warning, licences, split sizes, figures with intervals, compression, ablations and what is not to be claimed."""
    warned = a_recipe.model_copy(update={"card": a_recipe.card.model_copy(update={"warning": "Synthetic only."})})

    write_cards(card(warned, films(a_data_dir, a_recipe.keys), some_figures, "make it"), tmp_path)

    text = (tmp_path / "card.md").read_text()
    for part in (
        "**Synthetic only.**",
        "- drawn by the test",
        "- none of it is real",
        "| test | near | 12 | 12 | 12 | pneumonia 6, effusion 6 |",
        "- pneumonia: nothing at all; no source has 10 cases with it and 10 without it (4 with it in all).",
        "| pneumonia | near | 4 / 40 | 0.750 [0.500, 1.000] |",
        "no claim (fewer than 10) |",
        "| teacher | 140.2 |  |",
        "| INT8 | 8.1 | 15 x |",
        "| prompt-wise | 0.750 [0.500, 1.000] |",
        "`make it`",
    ):
        assert part in text
    assert text.index("Synthetic only") < text.index("Says whether")
    content = json.loads((tmp_path / "card.json").read_text())
    assert "curves" not in content
    assert some_figures["ablations"] == content["ablations"]


def test_tables_without_rows_are_left_out(some_figures: dict[str, Any]):
    """What was not measured has no heading."""
    titles = [table.title for table in figure_tables(some_figures)]

    assert ["Findings", "Calibration", "Drafted text, by finding", "Compression", "Ablations"] == titles


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (_FIGURE, "0.750 [0.500, 1.000]"),
        ({}, ""),
        (None, ""),
        (True, "yes"),
        (12.5, "12.5"),
        ({"fp32": 0.5, "int8": 0.25}, "fp32 0.5, int8 0.25"),
    ],
)
def test_how_figures_are_shown(value: object, expected: str):
    """Intervals in brackets, nothing where there is no figure."""
    assert expected == shown(value)


def test_rows_may_have_different_columns():
    """A step that lacks a figure has an empty cell."""
    table = crossed("Steps", {"first": {"a": 1}, "second": {"b_c": 2}}, "Ratios only.")

    assert "Ratios only." == table.note
    assert ("", "a", "b c") == table.columns
    assert (("first", "1", ""), ("second", "", "2")) == table.rows
