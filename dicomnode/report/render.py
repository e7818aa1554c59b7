"""A report for people, as plain text and as HTML; neither names the patient."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from dicomnode.records import Finding, Presence, Report
from dicomnode.report.languages import words_of
from dicomnode.report.words import Words

_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 16px/1.5 sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
.warning {{ background: #fff3cd; border: 1px solid #b58900; padding: .5rem .75rem; font-weight: bold; }}
.unsupported {{ color: #a40000; }}
th, td {{ text-align: left; padding: .2rem 1rem .2rem 0; }}
img {{ max-width: 100%; }}
footer {{ color: #666; margin-top: 2rem; font-size: .85rem; }}
</style></head>
<body>
<p class="warning">{warning}</p>
<h1>{title}</h1>
{body}
<footer>{model}</footer>
</body></html>
"""


def to_text(report: Report) -> str:
    """Render the report as plain text that ends with a line feed."""
    words = words_of(report.language)
    headings = words.headings
    blocks = [
        words.warning,
        f"{headings['title']}\n{headings['acuity']}: {words.acuities[report.acuity]}",
        _section(headings["classifier"], [_judgement(finding, words) for finding in report.findings]),
        _section(headings["findings"], [sentence.text for sentence in report.sentences]),
        _section(headings["impression"], report.impression),
        _section(headings["recommendation"], report.recommendation),
        _author(report, words),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def to_html(report: Report, images: Mapping[str, str] | None = None) -> str:
    """Render the report as one HTML page that loads nothing but `images`.

    Parameters
    ----------
    images
        URL of the heat map picture by finding.
    """
    words = words_of(report.language)
    headings = words.headings
    acuity = f"<p>{escape(headings['acuity'])}: <strong>{escape(words.acuities[report.acuity])}</strong></p>"
    pictures = [
        f'<figure><img src="{escape(url)}" alt="{escape(headings["heatmap"])}: {escape(key)}">'
        f"<figcaption>{escape(headings['heatmap'])}: {escape(key)}</figcaption></figure>"
        for key, url in (images or {}).items()
    ]
    sentences = [
        f'<li class="{"supported" if sentence.is_supported else "unsupported"}">{escape(sentence.text)}</li>'
        for sentence in report.sentences
    ]
    body = [
        acuity,
        _list(headings["classifier"], [f"<li>{escape(_judgement(f, words))}</li>" for f in report.findings]),
        _list(headings["findings"], sentences),
        _list(headings["impression"], [f"<li>{escape(line)}</li>" for line in report.impression]),
        _list(headings["recommendation"], [f"<li>{escape(line)}</li>" for line in report.recommendation]),
        *pictures,
    ]
    return _PAGE.format(
        language=escape(report.language),
        title=escape(headings["title"]),
        warning=escape(words.warning),
        body="\n".join(part for part in body if part),
        model=escape(_author(report, words)),
    )


def _section(heading: str, lines: list[str] | tuple[str, ...]) -> str:
    return "\n".join([f"{heading}:", *(f"  {line}" for line in lines)]) if lines else ""


def _list(heading: str, items: list[str]) -> str:
    return f"<h2>{escape(heading)}</h2>\n<ul>\n" + "\n".join(items) + "\n</ul>" if items else ""


def _judgement(finding: Finding, words: Words) -> str:
    presence = words.presences[finding.presence]
    acuity = f", {words.acuities[finding.acuity]}" if finding.presence is Presence.PRESENT else ""
    return f"{finding.spec.code.meaning}: {presence} ({finding.percent} %{acuity})"


def _author(report: Report, words: Words) -> str:
    if report.bundle is None:
        return words.no_model
    return words.model.format(name=report.bundle.name, version=report.bundle.version)
