"""`dicomnode routes`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, out, read_settings, show_json
from dicomnode.cli.plain import harmless
from dicomnode.errors import PermanentError, SettingsError, UnsupportedImageError
from dicomnode.settings import Rule, Settings

if TYPE_CHECKING:
    from dicomnode.schedule.rules import Candidate

app = typer.Typer(name="routes", help="Test the routing rules.", no_args_is_help=True)


@app.command("test")
def try_files(
    files: Annotated[
        list[Path] | None, typer.Argument(help="DICOM files or folders; the files of one study are routed together.")
    ] = None,
    study: Annotated[str, typer.Option("--study", help="Study Instance UID of a study in the data folder.")] = "",
    calling_ae_title: Annotated[str, typer.Option(help="Calling AE title to assume for files.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which rule applies to files or to a received study, why others do not, and which rule could be added."""
    if bool(files) == bool(study):
        raise SettingsError("name DICOM files, or a study with --study")
    loaded = read_settings(settings)
    candidates = _of_study(loaded, study) if study else _of_files(loaded, files or [], calling_ae_title)
    answers = list(_answers(loaded.rules, candidates))
    studies = list(_studies(loaded.rules, candidates))
    if as_json:
        show_json({"files": answers, "studies": studies})
        return
    for answer in answers:
        _show_file(answer)
    for one in studies:
        _show_study(one)


def _of_files(settings: Settings, files: Sequence[Path], title: str) -> list[tuple[str, Candidate]]:
    from dicomnode.dicom.reading import read_header
    from dicomnode.schedule.rules import Candidate, header_elements

    found = []
    for path in (inside for named in files for inside in _inside(named)):
        try:
            ds = read_header(path, ("StudyInstanceUID", *header_elements(settings.rules)))
        except UnsupportedImageError as error:
            raise UnsupportedImageError(f"{path}: {error}") from None
        except OSError as error:
            raise UnsupportedImageError(f"{path}: {error.strerror}") from None
        found.append((str(path), Candidate(ds=ds, calling_ae_title=title)))
    return found


def _inside(path: Path) -> list[Path]:
    """The instances of a folder, as `send` finds them; a file itself."""
    from dicomnode.cli.send import collect

    return [file.path for file in collect([path])] if path.is_dir() else [path]


def _of_study(settings: Settings, study: str) -> list[tuple[str, Candidate]]:
    from dicomnode.node.rooms import open_stores
    from dicomnode.schedule.planner import candidate

    stores = open_stores(settings, is_reader=True)
    try:
        kept = stores.instances.in_study(study)
    finally:
        stores.engine.dispose()
    if not kept:
        raise PermanentError(f"no images of study {study} are kept; `dicomnode studies list` lists the studies")
    found = [(one.key.sop_instance_uid, candidate(one, settings.rules)) for one in kept]
    for _, one in found:
        one.ds.StudyInstanceUID = study
    return found


def _answers(rules: Sequence[Rule], candidates: Sequence[tuple[str, Candidate]]) -> Iterator[dict[str, Any]]:
    from dicomnode.schedule.rules import try_rule

    for name, candidate in candidates:
        trials = [try_rule(rule, candidate) for rule in rules]
        match = next((trial.rule for trial in trials if trial.is_match), None)
        yield {
            "file": name,
            "rule": match.name if match else None,
            "bundle": match.bundle or None if match else None,
            "rules": [
                {"rule": one.rule.name, "matches": one.is_match, "why": list(one.holds), "why_not": list(one.failures)}
                for one in trials
            ],
        }


def _studies(rules: Sequence[Rule], candidates: Sequence[tuple[str, Candidate]]) -> Iterator[dict[str, Any]]:
    """What becomes of each study: the first rule that matches any of its images decides."""
    from dicomnode.dicom.elements import text
    from dicomnode.schedule.rules import route
    from dicomnode.schedule.suggestions import suggested_rule

    of_study: dict[str, list[Candidate]] = {}
    for _, candidate in candidates:
        of_study.setdefault(text(candidate.ds, "StudyInstanceUID"), []).append(candidate)
    for uid, members in of_study.items():
        chosen = route(rules, members)
        suggestion = None if chosen.rule else next(filter(None, (suggested_rule(rules, one) for one in members)), None)
        yield {
            "study": uid,
            "rule": chosen.rule.name if chosen.rule else None,
            "bundle": chosen.rule.bundle or None if chosen.rule else None,
            "images": len(members),
            "read": len(chosen.instances) if chosen.rule and chosen.rule.bundle else 0,
            "suggestion": suggestion and suggestion.model_dump(mode="json", exclude_defaults=True),
        }


def _show_file(answer: dict[str, Any]) -> None:
    verdict = f"rule {answer['rule']!r}, {_bundle(answer['bundle'])}" if answer["rule"] else "no rule matches"
    out.print(f"{harmless(answer['file'])}: {verdict}")
    for trial in answer["rules"]:
        verdict, why = ("matches", "why") if trial["matches"] else ("does not match", "why_not")
        out.print(f"  {trial['rule']} {verdict}: {'; '.join(trial[why]) or 'it has no conditions'}")


def _show_study(answer: dict[str, Any]) -> None:
    if answer["rule"]:
        read = f"{_bundle(answer['bundle'])}, {answer['read']} of {answer['images']} images are read"
        out.print(f"study {answer['study']}: rule {answer['rule']!r}, {read}")
        return
    out.print(f"study {answer['study']}: no rule matches, so it is not read (see schedule.unmatched_studies)")
    if answer["suggestion"]:
        from dicomnode.cli.settings_file import rule_lines

        out.print(
            "To have such studies read, add this rule. If the settings file has no rules yet, add the default ones: "
            "rules in the file replace them.\n"
        )
        out.print("\n".join(rule_lines(Rule.model_validate(answer["suggestion"]))))


def _bundle(name: str | None) -> str:
    return f"bundle {name}" if name else "no bundle"
