"""`dicomnode studies`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dicomnode import logs
from dicomnode.cli.common import JsonOption, SettingsOption, err, out, read_settings, show_json, show_rows
from dicomnode.errors import PermanentError
from dicomnode.node.rooms import open_stores
from dicomnode.records import ContentState, KeptInstance
from dicomnode.store.corrections import Contest

app = typer.Typer(name="studies", help="The studies that the node keeps.", no_args_is_help=True)

_JOB_COLUMNS = ("id", "state", "stage", "acuity", "outcome", "reason", "withdrawal")
_INSTANCE_COLUMNS = ("id", "sop_instance_uid", "modality", "size_bytes", "calling_ae_title", "received_at", "kept_as")


_CORRECTION_COLUMNS = ("sop_instance_uid", "replaced_id", "current_id", "made_at", "source")
_CONTEST_COLUMNS = (
    "content",
    "sop_instance_uid",
    "study_instance_uid",
    "counts_in_study",
    "kept_as",
    "differs_in",
    "is_same_image",
    "calling_ae_title",
    "received_at",
)
_KEPT_AS = {
    ContentState.CURRENT: "conflict",
    ContentState.NEW: "not looked at yet",
    ContentState.CONFLICT: "conflict",
    ContentState.HELD: "correction that waits",
    ContentState.SUPERSEDED: "replaced by a correction",
}


@app.command("list")
def list_(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the studies, the newest first."""
    rows = open_stores(read_settings(settings), is_reader=True).instances.summaries()
    columns = (
        "study_instance_uid",
        "instances",
        "conflicts",
        "patients",
        "size_bytes",
        "last_instance_at",
        "is_waiting",
    )
    show_rows(rows, columns, as_json=as_json, empty="no study has arrived yet")


@app.command()
def show(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the instances, conflicts and jobs of one study."""
    stores = open_stores(read_settings(settings), is_reader=True)
    kept = stores.instances.all_in_study(study_uid)
    if not kept:
        raise PermanentError(f"no study {study_uid} is kept; `dicomnode studies list` shows those there are")
    instances = [
        {
            "id": instance.id,
            "sop_instance_uid": instance.key.sop_instance_uid,
            "sop_class_uid": instance.key.sop_class_uid,
            "modality": instance.key.modality,
            "size_bytes": instance.size_bytes,
            "calling_ae_title": instance.calling_ae_title,
            "received_at": instance.received_at,
            "kept_as": _kept_as(instance, is_conflict=is_conflict),
            "path": instance.path,
        }
        for instance, is_conflict in kept
    ]
    jobs = stores.jobs.list(study_instance_uid=study_uid)
    replaced = stores.corrections.history(study_uid)
    if as_json:
        told = {"study_instance_uid": study_uid, "instances": instances, "corrections": replaced, "jobs": jobs}
        show_json(told)
        return
    show_rows(instances, _INSTANCE_COLUMNS, as_json=False, empty="")
    out.print()
    show_rows(
        jobs, _JOB_COLUMNS, as_json=False, empty="no job yet: the study is not complete, or has nothing to be read"
    )
    if replaced:
        out.print()
        show_rows(replaced, _CORRECTION_COLUMNS, as_json=False, empty="")


@app.command()
def conflicts(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID; without it, of all studies.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List contents that came under a known SOP Instance UID and do not count, with what sets them apart."""
    contests = open_stores(read_settings(settings), is_reader=True).corrections.beside(study_uid)
    rows = [_contest(contest) for contest in contests]
    show_rows(rows, _CONTEST_COLUMNS, as_json=as_json, empty="no content is kept beside another")


@app.command()
def correct(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID that the contents to count are filed under.")],
    content: Annotated[
        list[int] | None,
        typer.Option(help="Number of a content that is to count, from `studies conflicts`; may be given again."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let contents count that were kept beside: without numbers, all of a study that are corrections.

    What counted so far is kept, but not read any more; jobs that read it are withdrawn, and both studies are read anew.
    """
    logs.configure(level="warning", output="console")
    corrections = open_stores(read_settings(settings)).corrections
    if content:
        chosen = [corrections.content(number) for number in content]
    else:
        waiting = [contest for contest in corrections.beside(study_uid) if contest.is_correction]
        # Of several under one UID the newest: it stands last.
        chosen = [*{contest.new.key.sop_instance_uid: contest for contest in waiting}.values()]
    if not chosen:
        raise PermanentError(
            f"no correction of study {study_uid} waits; `dicomnode studies conflicts` shows what is kept"
        )
    for contest in chosen:
        if contest.new.key.study_instance_uid != study_uid:
            raise PermanentError(f"content {contest.new.id} is not of study {study_uid}")
    if not dry_run:
        corrections.accept(chosen, source="operator")
    show_rows([_contest(contest) for contest in chosen], _CONTEST_COLUMNS, as_json=as_json, empty="")
    err.print("nothing was changed (--dry-run)" if dry_run else f"contents that count from now on: {len(chosen)}")


def _contest(contest: Contest) -> dict[str, Any]:
    return {
        "content": contest.new.id,
        "sop_instance_uid": contest.new.key.sop_instance_uid,
        "study_instance_uid": contest.new.key.study_instance_uid,
        "counts_in_study": contest.current.key.study_instance_uid,
        "kept_as": _kept_as(contest.new, is_conflict=True),
        "differs_in": list(contest.corrects),
        "is_same_image": contest.is_same_image,
        "calling_ae_title": contest.new.calling_ae_title,
        "received_at": contest.new.received_at,
    }


def _kept_as(instance: KeptInstance, *, is_conflict: bool) -> str:
    if is_conflict:
        return _KEPT_AS[instance.content_state]
    if instance.key.is_own:
        return "own result"
    return "earlier study" if instance.key.is_prior else "instance"
