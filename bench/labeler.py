"""How well the labeler reads negation and doubt: the rules of `dicomnode.report.grounding` on sentences of others.

    python bench/labeler.py DIR

DIR holds `negex_sentences.csv` (id, concept, sentence, label; NegEx's test set of clinical sentences) and, if there,
`chexpert_labeler_sample_labeled_reports.csv` with `chexpert_labeler_phrases.csv`. The rules were mended by looking at
the sentences of even place alone; those of odd place were held back and give the figures to quote.
"""

from __future__ import annotations

import argparse
import csv
import re
from collections import defaultdict
from pathlib import Path

from dicomnode.records import Acuity, CodedConcept, FindingSpec, Stance
from dicomnode.report.cues import cues_of
from dicomnode.report.grounding import claims

CUES = cues_of("en")
ANY_CODE = CodedConcept("1", "99BENCH", "Any")
VALUES = {
    Stance.AFFIRMED: 1.0,
    Stance.SUGGESTED: 1.0,
    Stance.DENIED: 0.0,
    Stance.LIKELY: -1.0,
    Stance.DOUBTED: -1.0,
}


def spec(key: str, terms: tuple[str, ...]) -> FindingSpec:
    return FindingSpec(key=key, code=ANY_CODE, site=ANY_CODE, threshold=0.5, acuity=Acuity.NON_CRITICAL, terms=terms)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def stance(row: dict[str, str]) -> Stance | None:
    """How the labeler reads the marked concept; None: it does not find it."""
    term = re.sub(r"\s+", " ", row["concept"].strip(' "').casefold())
    found = claims(row["sentence"], [spec("concept", (term,))], CUES)
    return found[0].stance if found else None


def negation(rows: list[dict[str, str]], name: str, *, show: bool) -> None:
    counts: dict[tuple[bool, bool], int] = defaultdict(int)
    missing = 0
    for row in rows:
        read = stance(row)
        missing += read is None
        if read is None:
            continue
        is_denied, said = row["label"] == "negated", read is Stance.DENIED
        counts[is_denied, said] += 1
        if show and is_denied != said:
            print(f"  {row['label']:9} {row['concept']} | {row['sentence']}")
    hits, misses, false = counts[True, True], counts[True, False], counts[False, True]
    right = (hits + counts[False, False]) / sum(counts.values())
    print(
        f"{name}: {len(rows)} sentences, concept not found in {missing}; "
        f"negated: precision {hits / (hits + false):.3f}, recall {hits / (hits + misses):.3f}, "
        f"F1 {2 * hits / (2 * hits + misses + false):.3f}; accuracy {right:.3f}"
    )


def specs_in(text: str, stems: dict[str, list[str]]) -> list[FindingSpec]:
    """CheXpert's phrases are beginnings of words: take the whole words that the text has of them."""
    found = {
        key: {match.group() for stem in parts for match in re.finditer(rf"\b{re.escape(stem)}\w*", text.casefold())}
        for key, parts in stems.items()
    }
    return [spec(key, tuple(sorted(terms))) for key, terms in found.items() if terms]


def reports(folder: Path, *, show: bool) -> None:
    """Reports with labels of several findings: 1 there, 0 not there, -1 uncertain."""
    stems = defaultdict(list)
    for row in rows_of(folder / "chexpert_labeler_phrases.csv"):
        if row["kind"] == "mention" and row["observation"] != "no_finding":
            stems[row["observation"]].append(row["phrase"].casefold())
    right = wrong = 0
    for row in rows_of(folder / "chexpert_labeler_sample_labeled_reports.csv"):
        said: dict[str, set[float]] = defaultdict(set)
        for sentence in re.split(r"(?<=\.)\s+", row["Reports"]):
            for claim in claims(sentence, specs_in(sentence, stems), CUES):
                said[claim.finding].add(VALUES[claim.stance])
        for column, value in row.items():
            key = column.lower().replace(" ", "_")
            if value and key in stems:
                read = next((stance for stance in (1.0, -1.0, 0.0) if stance in said[key]), None)
                right += read == float(value)
                wrong += read != float(value)
                if show and read != float(value):
                    print(f"  {key}: {value}, read {read} | {row['Reports']}")
    print(f"CheXpert labeler's sample reports: {right} of {right + wrong} labels agree (positive, negative, uncertain)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--errors", action="store_true", help="show the sentences of even place that are read wrongly")
    arguments = parser.parse_args()
    rows = rows_of(arguments.folder / "negex_sentences.csv")
    negation(rows[::2], "NegEx, looked at", show=arguments.errors)
    negation(rows[1::2], "NegEx, held back", show=False)
    negation([row for row in rows[1::2] if row.get("radiology_like") == "1"], "  of these like radiology", show=False)
    if (arguments.folder / "chexpert_labeler_sample_labeled_reports.csv").is_file():
        reports(arguments.folder, show=arguments.errors)


if __name__ == "__main__":
    main()
