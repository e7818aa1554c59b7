"""Tables of the bundles that ship, from their manifests and cards: no figure is written by hand."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
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
    for folder in sorted(path.parent for path in Path(dicomnode.bundles.__file__).parent.glob("*/bundle.toml")):
        manifest = tomllib.loads((folder / "bundle.toml").read_text(encoding="utf-8"))
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
        Names of columns, separated by commas; empty: all that have a value.
    rows
        What the first cell of a row must begin with; empty: all rows.
    """
    found = _table_of(bundle, title)
    wanted = [name.strip() for name in columns.split(",") if name.strip()] or _filled_columns(found)
    places = [_place(found, name, bundle) for name in wanted]
    shown = [[row[place] for place in places] for row in found.rows if row[0].startswith(rows)]
    return table([name or "note" for name in wanted], shown)


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


def _table_of(bundle: str, title: str) -> Table:
    tables = {one.title: one for one in figure_tables(_card(bundle))}
    if title not in tables:
        raise LookupError(f"the card of {bundle} has no table {title!r}; it has: {'; '.join(tables)}")
    return tables[title]


def _filled_columns(found: Table) -> list[str]:
    return [name for place, name in enumerate(found.columns) if any(row[place] for row in found.rows)]


def _place(found: Table, name: str, bundle: str) -> int:
    wanted = "" if name == "note" else name
    if wanted not in found.columns:
        raise LookupError(f"{found.title!r} of {bundle} has no column {name!r}; it has: {', '.join(found.columns)}")
    return found.columns.index(wanted)
