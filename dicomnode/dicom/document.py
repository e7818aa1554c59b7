"""A structured report for people, read back from its content tree (PS3.3 C.17.3), as plain text and as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape

from pydicom import Dataset

from dicomnode.dicom.elements import items, text

_LANGUAGE_OF_CONTENT = "121049"
"""(121049, DCM, "Language of Content Item and Descendants")."""
_RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")
_PAGE = """<!DOCTYPE html>
<html lang="{language}" dir="{direction}">
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
.context {{ color: #666; font-size: .85rem; }}
img {{ max-width: 100%; }}
</style></head>
<body>
<h1>{title}</h1>
{body}
</body></html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One content item."""

    depth: int
    """0 for the children of the root."""
    name: str
    """Code Meaning of its concept, empty where it has none."""
    value: str
    """Empty for a container."""
    is_context: bool
    """Says who observed what, not what was found (HAS OBS CONTEXT, HAS CONCEPT MOD)."""
    is_text: bool
    """Its value is free text, not a code or a number."""


def document_lines(ds: Dataset) -> Iterator[Line]:
    """Content items of a document in reading order; references to other objects are left out."""
    yield from _lines(ds, 0, is_context=False)


def document_sections(ds: Dataset) -> list[tuple[str, list[str]]]:
    """Heading and sentences of each section, without the context; it does not name the patient."""
    sections: list[tuple[str, list[str]]] = []
    for line in _parts(ds)[0]:
        if line.depth == 0:
            sections.append((line.name, []))
        if line.value and sections:
            sections[-1][1].append(line.value)
    return sections


def document_language(ds: Dataset) -> tuple[str, bool]:
    """RFC 5646 tag of the document's language, and whether it is written from right to left."""
    language = _language(ds)
    return language, language.split("-")[0] in _RIGHT_TO_LEFT


def document_text(ds: Dataset) -> str:
    """The document as plain text that ends with a line feed, its context last; it does not name the patient."""
    body, context = _parts(ds)
    parts = [_title(ds)]
    for line in body:
        indent = "  " * line.depth
        parts.append(f"{indent}{_labelled(line)}" if line.value else f"\n{indent}{line.name}:")
    return "\n".join([*parts, "", *(_labelled(line) for line in context)]) + "\n"


def document_html(ds: Dataset, images: Mapping[str, str]) -> str:
    """The document as one page that loads nothing but `images` (caption to URL); it does not name the patient."""
    body, context = _parts(ds)
    items = [f"<p>{escape(_labelled(ln))}</p>" if ln.value else f"<h2>{escape(ln.name)}</h2>" for ln in body]
    figures = [
        f'<figure><img src="{escape(url)}" alt="{escape(caption)}"><figcaption>{escape(caption)}</figcaption></figure>'
        for caption, url in images.items()
    ]
    footer = [f'<p class="context">{escape(_labelled(line))}</p>' for line in context]
    language = _language(ds)
    return _PAGE.format(
        language=escape(language),
        direction="rtl" if language.split("-")[0] in _RIGHT_TO_LEFT else "ltr",
        title=escape(_title(ds)),
        body="\n".join([*items, *figures, *footer]),
    )


def _language(ds: Dataset) -> str:
    """RFC 5646 tag of the document (TID 1204), English where it does not say."""
    for item in items(ds, "ContentSequence"):
        named = _of_first(item, "ConceptNameCodeSequence", "CodeValue")
        if text(item, "ValueType") == "CODE" and named == _LANGUAGE_OF_CONTENT:
            return _of_first(item, "ConceptCodeSequence", "CodeValue") or "en"
    return "en"


def _parts(ds: Dataset) -> tuple[list[Line], list[Line]]:
    """What was found, and who observed what."""
    lines = list(document_lines(ds))
    if _language(ds).split("-")[0] != "en":
        # Names of text items are English in every document; headings and context keep theirs.
        lines = [replace(line, name="") if line.is_text and not line.is_context else line for line in lines]
    return [line for line in lines if not line.is_context], [line for line in lines if line.is_context]


def _labelled(line: Line) -> str:
    return f"{line.name}: {line.value}" if line.name else line.value


def _title(ds: Dataset) -> str:
    return f"{_name(ds)} ({text(ds, 'SeriesDescription')})"


def _lines(item: Dataset, depth: int, *, is_context: bool) -> Iterator[Line]:
    for child in items(item, "ContentSequence"):
        context = is_context or text(child, "RelationshipType") in ("HAS OBS CONTEXT", "HAS CONCEPT MOD")
        value = _value(child)
        if value is not None:
            is_text = text(child, "ValueType") == "TEXT"
            yield Line(depth=depth, name=_name(child), value=value, is_context=context, is_text=is_text)
        yield from _lines(child, depth + 1, is_context=context)


def _name(item: Dataset) -> str:
    return _of_first(item, "ConceptNameCodeSequence", "CodeMeaning")


def _of_first(item: Dataset, sequence: str, keyword: str) -> str:
    """Text of an element in the first item of a sequence; "" where there is none."""
    return next((text(one, keyword) for one in items(item, sequence)), "")


def _value(item: Dataset) -> str | None:
    """Value as text, empty for a container, None for what has no words."""
    kind = text(item, "ValueType")
    if kind == "CONTAINER":
        return ""
    if kind == "CODE":
        return _of_first(item, "ConceptCodeSequence", "CodeMeaning")
    if kind == "NUM" and items(item, "MeasuredValueSequence"):
        measured = items(item, "MeasuredValueSequence")[0]
        return f"{text(measured, 'NumericValue')} {_of_first(measured, 'MeasurementUnitsCodeSequence', 'CodeValue')}"
    keywords = {"TEXT": "TextValue", "PNAME": "PersonName", "UIDREF": "UID", "DATETIME": "DateTime"}
    return text(item, keywords[kind]) if kind in keywords else None
