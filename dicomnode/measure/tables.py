"""Figures as tables, for cards, HTML pages and the manuals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_METRICS = ("auroc", "auprc", "f1", "sensitivity", "specificity", "ppv", "ece")
_MAP_METRICS = ("marked", "pointing_game", "energy_inside", "iou", "marked_area")
_METHOD_METRICS = (
    "better_than_chance",
    "hidden_images",
    "deletion",
    "insertion",
    "correlation_with_a_random_model",
    "correlation_when_moved",
    "completeness_error",
    "milliseconds",
    "why_not_measured",
)
_NO_CLAIM = "no claim (fewer than 10)"
_IN_WORDS = {
    **{word: word.upper() for word in ("auroc", "auprc", "auc", "f1", "ppv", "ece", "bleu", "fp32", "int8", "onnx")},
    "iou": "IoU",
    "rss": "RSS",
    "mb": "MB",
    "pytorch": "PyTorch",
    "megabytes": "MB",
}
_TITLES = {
    "correlation_with_a_random_model": "correlation with shuffled weights",
    "correlation_when_moved": "correlation after a shift",
    "pointing_of_another_image": "pointing of another image's map",
    "hidden_images": "images for deletion and insertion",
    "marked": "marked images",
    "spoken_of_where_label_known": "mentioned where the label is known",
    "covered_present": "present kept",
    "covered_absent": "absent kept",
    "non_diagnostic": "non-diagnostic",
    "rouge_l": "ROUGE-L",
    "cider": "CIDEr",
    "same_drafts": "same draft",
}
"""Keys whose words alone would not say what they are."""


_CHANGE_NOTE = (
    "Synthetic change only: both images of a pair are the same film, each rotated, zoomed, shifted and toned "
    "independently, with a drawn lesion that is absent, smaller or larger. From {growth} times the drawn area on it "
    "counts as increased, from the inverse on as decreased; absent in both is unchanged. Nothing is known about true "
    "follow-up films, in which anatomy, position, devices and other findings change as well. None of it may be claimed "
    "for patients. The baseline has two thresholds on the encoder's logits, chosen on validation pairs."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table with its heading."""

    title: str
    note: str
    """What the numbers are; may be empty."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def figure_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Every table of an evaluation and of what was measured beside it, without those that have no row.

    Parameters
    ----------
    figures
        `evaluate.evaluate_bundle`'s, and where there are: `export`, `compression`, `ablations`, `change`.
    """
    heat_maps = figures.get("heat_maps", {})
    tables = [
        _classifier("Findings", "", figures.get("classifier", {})),
        _classifier(
            "Findings by slice",
            "Each slice on its own, against the threshold of the study.",
            figures.get("classifier_by_slice", {}),
        ),
        _calibration(figures.get("classifier", {})),
        _plain(
            "Studies that are not judged",
            figures.get("not_judged", {}),
            "Share of each source that is called out of distribution. All other figures include these studies.",
        ),
        _uncertainty(figures.get("uncertainty", {})),
        *_text_tables(figures),
        *_control_tables(figures.get("controls", {})),
        _maps("Heat maps in the boxes of readers", heat_maps.get("boxes", {})),
        *_lesions(figures.get("drawn_lesions", {})),
        *_change_tables(figures.get("change", {})),
        _plain("Export", figures.get("export", {})),
        _plain("Gradients for heat maps", figures.get("gradients", {}), "Of the encoder before quantization."),
        *explanation_tables(figures.get("explanations", {})),
        crossed(
            "Compression",
            figures.get("compression", {}),
            "On the validation split and on drawn lesions. Times are comparable only within this one run.",
        ),
        crossed("Ablations", figures.get("ablations", {}), "On the validation split."),
    ]
    return [table for table in tables if table.rows]


def explanation_tables(figures: Mapping[str, Any]) -> list[Table]:
    """Tables of `explanations.evaluate_explanations`."""
    rows = [
        (name, *(shown(row.get(column)) for column in _METHOD_METRICS))
        for name, row in figures.get("methods", {}).items()
    ]
    note = (
        "Better than chance: in at least one source, the strongest point of the maps lies on the finding more often "
        "than a random point does, and more often than those of other images' maps do. Decided by the lower limits of "
        'both paired differences, so "no" may also mean that too few images were measured. '
        "Deletion and insertion: mean probability while ever more of the strongest pixels are blurred (low is good), "
        "or shown on the blurred image (high is good), on images where the finding is suspected; compare with the row "
        "of the random map. Correlation with shuffled weights: rank correlation with the maps of the same model after "
        "its weights were shuffled; near 0 where a map follows the model (a uniform map counts as 0). "
        "Correlation after a shift: with the map of the image moved by 3 and 5 pixels; 1 is good. "
        "Milliseconds: CPU time in addition to the reading itself."
    )
    head = Table(
        title="Explanations: whether maps follow the model",
        note=" ".join([note, *figures.get("not_measured", [])]),
        columns=("method", *(titled(column) for column in _METHOD_METRICS)),
        rows=tuple(rows),
    )
    return [head, *(_sources(name, rows) for name, rows in figures.get("sources", {}).items())]


def _sources(source: str, methods: Mapping[str, Any]) -> Table:
    columns = (*_MAP_METRICS, "pointing_of_another_image")
    rows = [(name, *(shown(row.get(column)) for column in columns)) for name, row in methods.items() if row]
    return Table(
        title=f"Explanations: {source}",
        note="Every marked image counts, detected or not.",
        columns=("method", *(titled(column) for column in columns)),
        rows=tuple(rows),
    )


def shown(value: Any) -> str:
    """A figure with its interval in brackets, or a plain value; empty where there is none."""
    if isinstance(value, Mapping) and "interval" in value:
        low, high = value["interval"]
        return f"{value['value']:.3f} [{low:.3f}, {high:.3f}]"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(part)}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def titled(name: str) -> str:
    """A key in words."""
    if name in _TITLES:
        return _TITLES[name]
    return " ".join(_IN_WORDS.get(word, word) for word in name.split("_"))


def _classifier(title: str, note: str, classifier: Mapping[str, Any]) -> Table:
    rows = [
        (
            key,
            group,
            f"{row['positives']} / {row['cases']}",
            *(shown(row.get(metric, "")) for metric in _METRICS),
            "" if row["claim"] else _NO_CLAIM,
        )
        for key, finding in classifier.items()
        for group, row in finding["groups"].items()
    ]
    columns = ("finding", "group", "positives / all", *(titled(metric) for metric in _METRICS), "")
    return Table(title=title, note=note, columns=columns, rows=tuple(rows))


def _calibration(classifier: Mapping[str, Any]) -> Table:
    rows = [
        (
            key,
            f"{finding['positives']} / {finding['cases']}",
            shown(finding["threshold"]),
            shown(finding["ece"]),
            shown(finding["brier"]),
        )
        for key, finding in classifier.items()
    ]
    return Table(
        title="Calibration",
        note="ECE: expected calibration error over 15 bins of equal width; with few cases it is overestimated.",
        columns=("finding", "positives / all", "threshold", "ECE", "Brier"),
        rows=tuple(rows),
    )


def _uncertainty(uncertainty: Mapping[str, Any]) -> Table:
    columns = ("covered_present", "covered_absent", "undetermined", "error", "error_where_determined")
    rows = [
        (
            key,
            group,
            str(row["cases"]),
            " / ".join(f"{share:g}" for share in finding["promised"] or ()),
            *(shown(row[column]) for column in columns),
            shown(row["risk_at_coverage"]),
            shown(row["aurc"]),
        )
        for key, finding in uncertainty.items()
        for group, row in finding["groups"].items()
    ]
    return Table(
        title="Uncertainty",
        note="Kept: share of the cases of a class that are not called the opposite; compare with the promise. Risk at"
        " coverage: error among the most certain share of the studies. AURC: its mean over all shares; with random"
        " certainty it equals the error.",
        columns=(
            "finding",
            "group",
            "cases",
            "promised present / absent",
            *(titled(column) for column in columns),
            "risk at coverage",
            "AURC",
        ),
        rows=tuple(rows),
    )


def _text_tables(figures: Mapping[str, Any]) -> list[Table]:
    columns = ("spoken_of_where_label_known", "agrees_with_classifier", "f1_text", "f1_classifier")
    by_finding = [
        (key, *(shown(row.get(column, "")) for column in columns)) for key, row in figures.get("text", {}).items()
    ]
    note = (
        "The references are the grammar's sentences for the known labels; sentences about findings with unknown labels"
        " do not count. BLEU, ROUGE-L and CIDEr (0 to 10) by pycocoevalcap; label F1 is the mean over the findings."
    )
    return [
        Table(
            title="Drafted text, by finding",
            note="",
            columns=("finding", *(titled(column) for column in columns)),
            rows=tuple(by_finding),
        ),
        _plain("Drafted text", figures.get("report", {}), note),
    ]


def _control_tables(controls: Mapping[str, Any]) -> list[Table]:
    spoilt = [
        (kind, *(shown(row[column]) for column in ("studies", "not_judged", "positive", "likely", "example")))
        for kind, row in controls.get("spoilt_images", {}).items()
    ]
    return [
        Table(
            title="Control: spoilt images",
            note="Shares of the studies that are not judged (out of distribution), that are judged and called "
            "positive, and that would be called positive if all were judged. The example is the decoder's draft; the "
            "draft of a study that is not judged is never shown.",
            columns=("images", "studies", "not judged", "positive", "positive if judged", "example of a draft"),
            rows=tuple(spoilt),
        ),
        crossed(
            "Control: poor images",
            controls.get("poor_images", {}),
            "Shares of the studies whose quality is called limited, which requests review, or non-diagnostic.",
        ),
        _plain(
            "Control: another patient's images",
            controls.get("swapped_patients", {}),
            "Each study is read from the images of another patient of the same source.",
        ),
    ]


def _maps(title: str, maps: Mapping[str, Any]) -> Table:
    rows = [(key, *(shown(row[metric]) for metric in _MAP_METRICS)) for key, row in maps.items()]
    return Table(
        title=title,
        note="Marked area: the pointing game and energy that a random map would have.",
        columns=("finding", *(titled(metric) for metric in _MAP_METRICS)),
        rows=tuple(rows),
    )


def _lesions(lesions: Mapping[str, Any]) -> list[Table]:
    rows = [
        (
            key,
            shown(row["auroc_against_untouched"]),
            *(shown(row["heat_map"].get(metric, "")) for metric in _MAP_METRICS),
        )
        for key, row in lesions.get("findings", {}).items()
    ]
    return [
        Table(
            title="Drawn lesions",
            note="Synthetic lesions drawn for this measurement: whether they are seen, and where. Nothing clinical.",
            columns=("finding", "AUROC against untouched", *(titled(metric) for metric in _MAP_METRICS)),
            rows=tuple(rows),
        ),
        _plain("Drawn lesions: text about them, with side and zone", lesions.get("text", {})),
    ]


def _change_tables(change: Mapping[str, Any]) -> list[Table]:
    if not change:
        return []
    confusion = {
        f"{key}: {name}": dict(zip(rows, counts, strict=True))
        for key, rows in change["confusion"].items()
        for name, counts in rows.items()
    }
    return [
        crossed("Comparer: measured on synthetic pairs", change["findings"], _CHANGE_NOTE.format(**change)),
        crossed("Comparer: drawn change (rows), reported change (columns)", confusion),
        crossed(
            "Comparer: false alarms",
            change["false_alarms"],
            "Share of the unchanged pairs that are called changed. Films with a real finding are varied as they are.",
        ),
        crossed(
            "Comparer: where it looks",
            change["attention"],
            "In the image of a changed pair that shows more of the lesion. Marked area: what a random map would have.",
        ),
        crossed(
            "Comparer: controls",
            change["controls"],
            "With another patient's prior image, and with none: without a prior, five equal answers have 0.2 each.",
        ),
    ]


def _plain(title: str, values: Mapping[str, Any], note: str = "") -> Table:
    """One row for each value; tables within are taken apart."""
    rows: list[tuple[str, ...]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value and all(isinstance(part, Mapping) for part in value.values()):
            rows += [(f"{titled(name)}: {inner}", shown(part)) for inner, part in value.items()]
        else:
            rows.append((titled(name), shown(value)))
    return Table(title=title, note=note, columns=("figure", "value"), rows=tuple(rows))


def crossed(title: str, table: Mapping[str, Any] | Sequence[Mapping[str, Any]], note: str = "") -> Table:
    """A table of tables: rows by name, or one after the other, and every column that one of them has."""
    if isinstance(table, Mapping):
        entries: list[Mapping[str, Any]] = [{"": name} | dict(row) for name, row in table.items()]
    else:
        entries = list(table)
    columns = list(dict.fromkeys(column for entry in entries for column in entry))
    rows = [tuple(shown(entry.get(column)) for column in columns) for entry in entries]
    return Table(title=title, note=note, columns=tuple(titled(column) for column in columns), rows=tuple(rows))
