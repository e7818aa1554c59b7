"""Tables of the bundles that ship, from their manifests and cards: no figure is written by hand."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import dicomnode.bundles
from dicomnode.bundles import shipped_bundle
from dicomnode.measure.tables import Table, figure_tables
from docs.generate.markdown import code, table

_SIZES = ("encoder.onnx", "prompter.onnx", "decoder.onnx", "comparer.onnx", "gradients.onnx")


def overview() -> str:
    """What each shipped bundle reads and reports, and how large it is."""
    rows = []
    for path in _manifests():
        folder, manifest = path.parent, tomllib.loads(path.read_text(encoding="utf-8"))
        accepts = manifest["accepts"]
        findings = [f"{one['key']} ({' '.join(one['code'][1::-1])}, {one['acuity']})" for one in manifest["findings"]]
        size = sum((folder / name).stat().st_size for name in _SIZES if (folder / name).exists())
        read = f"{'/'.join(accepts['modalities'])}: {', '.join(accepts.get('body_parts', [])) or 'any body part'}"
        rows.append((f"{code(manifest['name'])} {manifest['version']}", read, ", ".join(findings), f"{size / 1e6:.1f}"))
    return table(("bundle", "reads", "findings (code, category)", "graphs, MB"), rows)


def card_table(bundle: str, title: str, columns: str = "", rows: str = "") -> str:
    """A table of a bundle's card.

    Parameters
    ----------
    title
        Heading of the table in the card.
    columns
        Names of columns or shell patterns of them, separated by commas; empty: all that have a value. "row" is a
        first column without a name, "note" a last one.
    rows
        What the first cell of a row must begin with; empty: all rows.
    """
    found = _table_of(bundle, title)
    if found is None:
        return "Not measured for this version."
    names = _names(found)
    patterns = [name.strip() for name in columns.split(",") if name.strip()]
    places = [place for pattern in patterns for place in _places(found, pattern)] or _filled_columns(found)
    shown = [[row[place] for place in places] for row in found.rows if row[0].startswith(rows)]
    return table(["" if names[place] == _FIRST else names[place] for place in places], shown)


def card_sentences(bundle: str, key: str) -> str:
    """A list of sentences of a bundle's card, `limits` or `not_to_be_claimed` for example."""
    sentences = _card(bundle)[key]
    return "\n".join(f"- {sentence}" for sentence in sentences) or "- (nothing)"


def better_than_chance() -> str:
    """For every bundle and method whether its maps were shown to be better than chance."""
    cards = {path.parent.name: _card(path.parent.name) for path in _cards()}
    verdicts = {
        name: {method: row.get("better_than_chance") for method, row in methods.items()}
        for name, card in cards.items()
        if (methods := card.get("explanations", {}).get("methods"))
    }
    methods = list(dict.fromkeys(method for found in verdicts.values() for method in found if method != "random"))
    words = {True: "yes", False: "**no**", None: ""}
    rows = [(code(method), *(words[found.get(method)] for found in verdicts.values())) for method in methods]
    return table(("method", *(code(name) for name in verdicts)), rows)


def _cards() -> Sequence[Path]:
    return sorted(Path(dicomnode.bundles.__file__).parent.glob("*/card.json"))


def _card(bundle: str) -> dict[str, Any]:
    folder = shipped_bundle(bundle)
    if folder is None:
        raise LookupError(f"no bundle {bundle!r} ships")
    card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return card


def _table_of(bundle: str, title: str) -> Table | None:
    """A table of a card; None where it was not measured, which the card of another bundle must show to be possible."""
    tables = {one.title: one for one in figure_tables(_card(bundle))}
    known = {one.title for path in _cards() for one in figure_tables(_card(path.parent.name))}
    if title not in known:
        raise LookupError(f"no card has a table {title!r}; there are: {'; '.join(sorted(known))}")
    return tables.get(title)


_FIRST, _LAST = "row", "note"


def _names(found: Table) -> list[str]:
    """The columns, each with a name."""
    *others, last = found.columns
    return [*(name or _FIRST for name in others), last or _LAST]


def _filled_columns(found: Table) -> list[int]:
    return [place for place in range(len(found.columns)) if any(row[place] for row in found.rows)]


def _places(found: Table, pattern: str) -> list[int]:
    """Places of the columns that a name or pattern means."""
    names = _names(found)
    places = [place for place, name in enumerate(names) if name == pattern or fnmatchcase(name, pattern)]
    if not places:
        raise LookupError(f"{found.title!r} has no column {pattern!r}; it has: {', '.join(names)}")
    return places


def preferences() -> str:
    """What each bundle for CT wants of a series, side by side."""
    manifests = {path.parent.name: tomllib.loads(path.read_text(encoding="utf-8")) for path in _manifests()}
    wanted = {name: manifest["prefers"] for name, manifest in manifests.items() if manifest.get("prefers")}
    keys = list(dict.fromkeys(key for one in wanted.values() for key in one))
    rows = [(code(key), *(code(json.dumps(one[key])) if key in one else "" for one in wanted.values())) for key in keys]
    return table(("key", *(code(name) for name in wanted)), rows)


def _manifests() -> Sequence[Path]:
    return sorted(Path(dicomnode.bundles.__file__).parent.glob("*/bundle.toml"))
