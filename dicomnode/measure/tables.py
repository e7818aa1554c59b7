"""Figures as tables that a card and a page print alike."""

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
_IN_WORDS = {"auroc": "AUROC", "auprc": "AUPRC", "f1": "F1", "ppv": "PPV", "ece": "ECE", "iou": "IoU"}


_CHANGE_NOTE = (
    "Synthetic change only: both images of a pair are the same film, each turned, zoomed, shifted and toned by itself, "
    "with a drawn lesion that is not there, smaller or larger; from {growth} times the drawn area on it is increased, "
    "from the inverse on decreased; what is absent in both is unchanged. Nothing is known of true follow-up films, "
    "whose anatomy, position, devices and other findings change as well, and none of it may be claimed for patients. "
    "The baseline has two thresholds on the encoder's logits, chosen on validation pairs."
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
            "Each slice by itself, against the threshold of the study.",
            figures.get("classifier_by_slice", {}),
        ),
        _calibration(figures.get("classifier", {})),
        _plain(
            "Studies that serving does not judge",
            figures.get("not_judged", {}),
            "Share of each source that is called out of distribution. All other figures are of all studies.",
        ),
        _uncertainty(figures.get("uncertainty", {})),
        *_text_tables(figures),
        *_control_tables(figures.get("controls", {})),
        _maps("Heat maps in the boxes of readers", heat_maps.get("boxes", {})),
        *_lesions(figures.get("drawn_lesions", {})),
        *_change_tables(figures.get("change", {})),
        _plain("Export", figures.get("export", {})),
        _plain("Gradients for heat maps", figures.get("gradients", {}), "Of the encoder before its quantisation."),
        *explanation_tables(figures.get("explanations", {})),
        crossed(
            "Compression",
            figures.get("compression", {}),
            "On the validation split and on drawn lesions. Of times only the ratios within this one run mean anything.",
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
        "Better than chance: in one source at least, the strongest place of its maps lies on the finding more often "
        "than a random place, and than those of other images' maps; by the lower limits of both paired differences, so "
        '"no" may also mean that too few images were measured. '
        "Deletion and insertion: mean probability while ever more of the strongest pixels are blurred (low is good), "
        "and shown on the blurred image (high is good), on images where the finding is suspected; compare them with "
        "the row of the random map. Correlation with a random model: rank correlation with the maps of the same model "
        "with its weights shuffled; a map that follows the model has none, a level one counts as none. "
        "When moved: the image is moved by 3 and 5 "
        "pixels; 1 is good. Milliseconds of CPU time, beside the reading itself."
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
        note="Every marked image counts, whether or not the finding was detected.",
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
        note="ECE: expected calibration error over 15 bins of equal width; of few cases it is too large.",
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
        note="Covered: share of the cases of a class that are not called the other one; what was promised of both is"
        " said before. Risk: error among the surest part of the studies. AURC: its mean over all parts; doubt that"
        " knows nothing has the error there.",
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
        "References are the grammar's sentences for the known labels; sentences on findings of unknown label do not"
        " count. BLEU, ROUGE-L and CIDEr (0 to 10) as pycocoevalcap has them; label F1 is the mean over the findings."
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
            note="Shares of the studies that are called out of distribution and not judged, that are judged and called "
            "positive, and that would be called positive if all were judged. The example is what the decoder drafts; "
            "of a study that is not judged nobody sees it.",
            columns=("images", "studies", "not judged", "positive", "positive if judged", "example of a draft"),
            rows=tuple(spoilt),
        ),
        crossed(
            "Control: poor images",
            controls.get("poor_images", {}),
            "Shares of the studies whose quality is called limited, which asks for review, or non-diagnostic.",
        ),
        _plain(
            "Control: somebody else's images",
            controls.get("swapped_patients", {}),
            "Each study is told by the images of another patient of the same source.",
        ),
    ]


def _maps(title: str, maps: Mapping[str, Any]) -> Table:
    rows = [(key, *(shown(row[metric]) for metric in _MAP_METRICS)) for key, row in maps.items()]
    return Table(
        title=title,
        note="Marked area: what pointing and energy of a map that knows nothing would be.",
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
            note="Synthetic lesions, drawn for this measurement: whether they are seen, and where. Nothing clinical.",
            columns=("finding", "AUROC against untouched", *(titled(metric) for metric in _MAP_METRICS)),
            rows=tuple(rows),
        ),
        _plain("Drawn lesions: what is said of them, side and zone included", lesions.get("text", {})),
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
        crossed("Comparer: what was drawn (rows), what was said (columns)", confusion),
        crossed(
            "Comparer: false alarms",
            change["false_alarms"],
            "Share of the unchanged pairs that are called changed. A film with a real finding is varied as it is.",
        ),
        crossed(
            "Comparer: where it looks",
            change["attention"],
            "In that image of a changed pair that shows more of the lesion. Marked area: what a map that knows nothing "
            "would have.",
        ),
        crossed(
            "Comparer: controls",
            change["controls"],
            "With another patient's prior image, and with none, where five answers that are all alike have 0.2 each.",
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
