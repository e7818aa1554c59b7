"""`dicomnode routes`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, out, read_settings, show_json
from dicomnode.dicom.reading import read_header
from dicomnode.errors import UnsupportedImageError
from dicomnode.schedule.rules import Candidate, RuleTrial, header_elements, try_rule

app = typer.Typer(name="routes", help="The routing rules.", no_args_is_help=True)


@app.command("test")
def try_files(
    files: Annotated[list[Path], typer.Argument(help="DICOM files.")],
    calling_ae_title: Annotated[str, typer.Option(help="AE title of the sender to assume.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which rule would match each file, and why the others do not."""
    rules = read_settings(settings).rules
    answers: list[dict[str, Any]] = []
    for path in files:
        try:
            ds = read_header(path, header_elements(rules))
        except UnsupportedImageError as error:
            raise UnsupportedImageError(f"{path}: {error}") from None
        except OSError as error:
            raise UnsupportedImageError(f"{path}: {error.strerror}") from None
        trials = [try_rule(rule, Candidate(ds=ds, calling_ae_title=calling_ae_title)) for rule in rules]
        match = next((trial.rule for trial in trials if trial.is_match), None)
        answers.append(
            {
                "file": str(path),
                "rule": match.name if match else None,
                "bundle": match.bundle or None if match else None,
                "rules": [_told(trial) for trial in trials],
            }
        )
    if as_json:
        show_json(answers)
        return
    for answer in answers:
        _show(answer)


def _told(trial: RuleTrial) -> dict[str, Any]:
    return {
        "rule": trial.rule.name,
        "matches": trial.is_match,
        "why": list(trial.holds),
        "why_not": list(trial.failures),
    }


def _show(answer: dict[str, Any]) -> None:
    rule = answer["rule"]
    verdict = f"rule {rule!r}, bundle {answer['bundle'] or 'none'}" if rule else "no rule: answered as not applicable"
    out.print(f"{answer['file']}: {verdict}", markup=False, highlight=False, soft_wrap=True)
    for trial in answer["rules"]:
        verdict, why = ("matches", "why") if trial["matches"] else ("does not match", "why_not")
        out.print(
            f"  {trial['rule']} {verdict}: {'; '.join(trial[why]) or 'it has no conditions'}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
