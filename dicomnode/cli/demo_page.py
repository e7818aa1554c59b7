"""The page of the demo: one HTML file that loads its pictures and nothing else, without a script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from html import escape
from string import Template
from typing import TYPE_CHECKING

from babel import Locale
from pydicom import Dataset

from dicomnode.cli.demo_screen import acuity, change, found_words, ordinal
from dicomnode.dicom.document import document_language, document_sections

if TYPE_CHECKING:
    from dicomnode.cli.demo_results import Written

_MOST_LANGUAGES = 12
_STYLE = """
:root { color-scheme: dark; }
* { box-sizing: border-box; }
body { margin: 0; background: #14171a; color: #e4e6e8; font: 16px/1.5 system-ui, sans-serif; }
main, header { max-width: 78rem; margin: 0 auto; padding: 1rem 1.5rem; }
a { color: #8ab8ff; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 0 0 .25rem; }
h3 { font-size: 1rem; margin: .8rem 0 .3rem; }
h4 { font-size: .95rem; margin: .8rem 0 .2rem; color: #aeb6bd; }
p { margin: .3rem 0; }
.warning { border-left: .3rem solid #e0a030; padding: .3rem .8rem; background: #2a2418; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: start; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #333a40; }
td.number { text-align: end; }
.study { border: 1px solid #333a40; border-radius: .5rem; padding: 1rem 1.25rem;
  margin: 1.5rem 0; background: #1b1f23; }
.acuity { white-space: nowrap; font-size: .85rem; padding: .1rem .5rem; border-radius: .25rem;
  border: 1px solid currentColor; color: #aeb6bd; }
.emergent { color: #ff8a80; }
.urgent { color: #ffc566; }
.sides { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 7fr); gap: 1.5rem; }
@media (max-width: 60rem) { .sides { grid-template-columns: 1fr; } }
figure { margin: 0 0 1rem; }
img { width: 100%; max-width: 36rem; height: auto; background: #000; }
details img { max-width: 60rem; }
figcaption { color: #aeb6bd; font-size: .9rem; }
fieldset { border: 0; padding: 0; margin: 0; min-width: 0; }
legend { font-weight: 600; padding: 0; }
.choice { position: absolute; opacity: 0; }
.choice + label { display: inline-block; padding: .2rem .6rem; margin: .2rem .1rem; border: 1px solid #4a535b;
  border-radius: .25rem; cursor: pointer; }
.choice:checked + label { background: #e4e6e8; color: #14171a; }
.choice:focus-visible + label { outline: 3px solid #8ab8ff; }
.report { display: none; max-width: 46rem; }
summary { cursor: pointer; margin: .5rem 0; }
@media print { body { background: #fff; color: #000; } .report { display: block; } }
""" + "\n".join(
    f".choice:nth-of-type({n}):checked ~ .report:nth-of-type({n}) {{ display: block; }}"
    for n in range(1, _MOST_LANGUAGES + 1)
)
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src 'self' file:; style-src 'sha256-$digest'">
<title>dicomnode demo</title>
<style>$style</style>
</head>
<body>
<header>
<h1>dicomnode demo: what came back to the PACS</h1>
<p class="warning"><strong>Synthetic images, research only, not for diagnostic use.</strong> Every image here was
computed; no patient stands behind any of them. The reports are unverified drafts of an AI model. They show that the way
from the images to the report works, and nothing about how well a model reads real images.</p>
<p>The node received these studies over C-STORE, decided when each was complete, graded all of them, and read the most
acute first. It sent its results to a sandbox PACS. Everything below was made from the DICOM objects that this PACS
received. “s” is the time in seconds from the complete study to its first report in the PACS.</p>
</header>
<main>
<table>
<thead><tr><th scope="col">Answered</th><th scope="col">Sent</th><th scope="col">Study</th><th scope="col">Acuity</th>
<th scope="col">Found</th><th scope="col">Change</th><th scope="col">s</th></tr></thead>
<tbody>
$rows
</tbody>
</table>
<p>Each probability is the model's own. “Not certain” means that its interval reaches both sides of the threshold.
A <em>synthetic model</em> was trained on computed images only and has never seen a patient; no default rule of the node
uses it.</p>
$studies
</main>
</body>
</html>
""")


def page(studies: Sequence[Written]) -> str:
    """The page with one section for each study, in the order of the answers."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    rows, sections = "\n".join(map(_row, studies)), "\n".join(map(_study, studies))
    return _PAGE.substitute(digest=digest, style=_STYLE, rows=rows, studies=sections)


def _row(study: Written) -> str:
    answer = study.answer
    folder = escape(answer.sent.folder)
    return (
        f"<tr><td>{ordinal(answer.answered_as)}</td><td>{ordinal(answer.sent_as)}</td>"
        f'<td><a href="#{folder}">{folder}</a><br>{escape(answer.sent.line)}</td><td>{_badge(study)}</td>'
        f"<td>{'<br>'.join(map(escape, found_words(answer)))}</td><td>{escape(change(answer))}</td>"
        f'<td class="number">{answer.seconds:.1f}</td></tr>'
    )


def _badge(study: Written) -> str:
    word = acuity(study.answer)
    return f'<span class="acuity {escape(word)}">{escape(word)}</span>'


def _study(study: Written) -> str:
    answer = study.answer
    folder = escape(answer.sent.folder)
    model = f"Read by the model {escape(answer.model)}" if answer.model else "No model read it"
    synthetic = ", a <strong>synthetic model</strong>" if answer.is_synthetic_model else ""
    return f"""<section class="study" id="{folder}" aria-labelledby="title-{folder}">
<h2 id="title-{folder}">{folder} {_badge(study)}</h2>
<p>{escape(answer.sent.line)}. Sent {ordinal(answer.sent_as)}, answered {ordinal(answer.answered_as)}, after
{answer.seconds:.1f} s. {model}{synthetic}.</p>
<div class="sides">
<div>
{"".join(_figures(study)) or "<p>No finding is suspected, so there is no heat map.</p>"}
</div>
<fieldset>
<legend>Report</legend>
{_tabs(folder, study.reports)}
</fieldset>
</div>
{_more(study)}
</section>"""


def _figures(study: Written) -> Iterator[str]:
    for caption, path in study.heat_maps.items():
        words = escape(caption)
        yield (
            f'<figure><a href="{escape(path)}"><img src="{escape(path)}" alt="Image with the heat map of {words}"></a>'
            f"<figcaption>{words}: heat map of where the model found the most support for it</figcaption></figure>"
        )


def _tabs(folder: str, reports: Sequence[Dataset]) -> str:
    """One choice for each language, all of them before the reports, so that a style sheet alone can show the chosen."""
    choices, panels = [], []
    for number, ds in enumerate(reports[:_MOST_LANGUAGES]):
        language, is_right_to_left = document_language(ds)
        name = f"{folder}-{escape(language)}"
        checked = " checked" if number == 0 else ""
        choices.append(
            f'<input class="choice" type="radio" name="language-{folder}" id="{name}"{checked}>'
            f'<label for="{name}" lang="{escape(language)}">{escape(_own_name(language))}</label>'
        )
        direction = "rtl" if is_right_to_left else "ltr"
        panels.append(f'<div class="report" lang="{escape(language)}" dir="{direction}">{_report(ds)}</div>')
    return "\n".join([*choices, *panels])


def _own_name(language: str) -> str:
    return Locale.parse(language, sep="-").get_display_name() or language


def _report(ds: Dataset) -> str:
    return "".join(
        f"<h4>{escape(heading)}</h4>{''.join(f'<p>{escape(sentence)}</p>' for sentence in sentences)}"
        for heading, sentences in document_sections(ds)
    )


def _more(study: Written) -> str:
    pictures = "".join(
        f'<figure><img src="{escape(path)}" loading="lazy" alt="Summary page: the report as a picture"></figure>'
        for path in study.summaries
    )
    return f"""<details><summary>Summary page, for viewers that show only images</summary>{pictures}</details>
<details><summary>Files: {len(study.documents)} documents, {len(study.objects)} DICOM objects</summary>
<h3>Reports</h3>
<p>{" · ".join(_link(label, path) for label, path in study.documents)}</p>
<h3>DICOM objects in the PACS, in order of arrival</h3>
<ol>{"".join(f"<li>{_link(label, path)}</li>" for label, path in study.objects)}</ol>
</details>"""


def _link(label: str, path: str) -> str:
    return f'<a href="{escape(path)}">{escape(label)}</a>'
