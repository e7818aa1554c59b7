"""What the demo prints: one screen of at most 100 columns, on a terminal and in a pipe alike."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dicomnode.cli.demo_answers import Judgement, Sent, StudyAnswer
from dicomnode.dicom.document import document_sections
from dicomnode.records import Acuity, Change, Outcome, Presence, ResultKind

WIDTH = 100
_STYLES = {Acuity.EMERGENT: "bold red", Acuity.URGENT: "bold yellow", Acuity.NON_CRITICAL: "cyan"}
_OUTCOMES = {
    Outcome.NOTHING_FOUND: "nothing found",
    Outcome.UNDETERMINED: "nothing suspected, not all excluded",
    Outcome.NOT_APPLICABLE: "not applicable: no model reads it",
    Outcome.NOT_JUDGED: "not judged: unlike the training images",
    Outcome.COULD_NOT_RUN: "could not be read",
}
_CHANGES = {
    Change.NEW: "new",
    Change.INCREASED: "larger",
    Change.UNCHANGED: "unchanged",
    Change.DECREASED: "smaller",
    Change.RESOLVED: "gone",
}


class Screen:
    """Prints how the demo goes on, then its results.

    Does: words and layout.
    Does not: wait, read the node's store, write files.
    """

    def __init__(self) -> None:
        terminal = Console()
        width = min(WIDTH, terminal.width) if sys.stdout.isatty() else WIDTH
        self._console = Console(width=width, highlight=False)
        self._counted = 0

    def headline(self, studies: int) -> None:
        """Say what is about to happen."""
        self._console.print(
            f"[bold]dicomnode demo[/]: {studies} synthetic studies through the whole node. Research only, not for "
            "diagnostic use."
        )

    def started(self, seconds: float) -> None:
        """Say that the node accepts associations."""
        self._console.print(f"  node started in {seconds:.0f} s, with one worker; a sandbox PACS waits for its results")

    def sent(self, sent: Sequence[Sent], seconds: float) -> None:
        """Say what was sent, and begin the line of what arrives."""
        images = sum(study.instances for study in sent)
        self._console.print(f"  {len(sent)} studies ({images} images) sent over C-STORE in {seconds:.1f} s")
        self._console.print("  reports in the PACS:", end="")

    def arrived(self, reports: int) -> None:
        """Count the reports that were not counted yet."""
        while self._counted < reports:
            self._counted += 1
            self._console.print(f" {self._counted}", end="")
        self._console.file.flush()

    def arrived_all(self, studies: int) -> None:
        """End the line."""
        self._console.print(f" of {studies}" if self._counted else f" none of {studies}")

    def results(self, found: Sequence[StudyAnswer], out: Path) -> None:
        """Show the table, the first report, and where everything is."""
        if found:
            self._console.print()
            self._console.print(_row(*_HEADINGS, style="bold"))
            for answer in found:
                self._console.print(_answered(answer))
                self._console.print(Padding(Text(answer.sent.line, style="dim"), (0, 0, 0, _INDENT)))
            self._console.print(
                "[dim]s: seconds from the complete study to its first report in the PACS. The worker reads emergent "
                "studies first.[/]"
            )
            self._report(min(found, key=lambda one: (one.acuity.rank if one.acuity else len(Acuity), one.answered_as)))
        self._console.print(f"\n[bold]All results[/]: {out / 'index.html'}", soft_wrap=True)

    def _report(self, answer: StudyAnswer) -> None:
        documents = answer.of_kind(ResultKind.TEXT)
        ds = dcmread(documents[0][1])
        self._console.print(f"\n[bold]Report of {answer.sent.folder}[/] ({ds.SeriesDescription})")
        for heading, sentences in document_sections(ds):
            said = Text.assemble((f"{heading}: ", "bold"), " · ".join(sentences))
            self._console.print(Padding(said, (0, 0, 0, 2)))


_HEADINGS = ("answered", "sent", "study", "acuity", "found", "change", "s")
_INDENT = 15
"""Columns before the study's name."""


def _answered(answer: StudyAnswer) -> Table:
    style = _STYLES.get(answer.acuity, "") if answer.acuity else "dim"
    return _row(
        ordinal(answer.answered_as),
        ordinal(answer.sent_as),
        Text(answer.sent.folder, style="bold"),
        Text(acuity(answer), style=style),
        "\n".join(found_words(answer)),
        change(answer),
        f"{answer.seconds:.1f}",
    )


def _row(*cells: str | Text, style: str = "") -> Table:
    """One row, with the same columns each time."""
    row = Table.grid(padding=(0, 1, 0, 0), expand=True)
    row.add_column(width=8)
    row.add_column(width=5)
    row.add_column(width=13, overflow="fold")
    row.add_column(width=10)
    row.add_column(ratio=1, overflow="fold")
    row.add_column(width=14)
    row.add_column(width=4, justify="right")
    row.add_row(*cells, style=style)
    return row


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th."""
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def acuity(answer: StudyAnswer) -> str:
    """How soon a physician should know, in a word."""
    return answer.acuity.value.replace("_", "-") if answer.acuity else "not graded"


def found_words(answer: StudyAnswer) -> list[str]:
    """What was found with its probability, and whose word it is where the model never saw a patient."""
    said = [_judged(one) for one in answer.suspected] or [_OUTCOMES[answer.outcome]]
    return [*said, "(synthetic model)"] if answer.is_synthetic_model else said


def _judged(one: Judgement) -> str:
    return f"{one.name} {one.percent}%{'' if one.presence is Presence.PRESENT else ', not certain'}"


def change(answer: StudyAnswer) -> str:
    """What became of the findings since the earlier study."""
    if not answer.is_compared:
        return "-"
    told = [_CHANGES[one.change] for one in answer.judgements if one.change is not None]
    return ", ".join(dict.fromkeys(told)) or "cannot be told"
