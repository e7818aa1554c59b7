"""`dicomnode studies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, err, out, read_settings, show_json, show_rows
from dicomnode.cli.jobs import job_cells
from dicomnode.cli.looking import (
    PATIENT_COLUMNS,
    STUDY_COLUMNS,
    AccessionOption,
    LimitOption,
    ModalityOption,
    PatientOption,
    PatientsOption,
    SinceOption,
    UntilOption,
    WideOption,
    index,
    job_number,
    one_study,
    require_data,
    stores_to_change,
    study_cells,
    tell_rest,
    wanted,
    without_patients,
)
from dicomnode.errors import PermanentError
from dicomnode.records import ContentState, KeptInstance, Progress

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from dicomnode.store.corrections import Contest

app = typer.Typer(name="studies", help="The studies that the node keeps.", no_args_is_help=True)

_JOB_COLUMNS = ("job", "received", "result", "state")
_INSTANCE_COLUMNS = ("id", "modality", "size_bytes", "calling_ae_title", "received_at", "kept_as", "sop_instance_uid")
_SELECTION_COLUMNS = (
    "series_number", "read", "images", "orientation", "kernel", "slice_thickness_mm", "coverage_mm", "sentence"
)  # fmt: skip
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
def list_(  # noqa: PLR0913  # one option a parameter
    accession: AccessionOption = "",
    modality: ModalityOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    state: Annotated[Progress | None, typer.Option(help="Only studies in this state.")] = None,
    patient: PatientOption = "",
    limit: LimitOption = 50,
    show_patients: PatientsOption = False,
    wide: WideOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the studies, the latest first, each with the state of its newest job."""
    from dicomnode.store.listing import study_page

    sought = wanted(
        accession=accession, modality=modality, since=since, until=until, state=state or "", patient=patient,
        limit=limit, show_patients=show_patients,
    )  # fmt: skip
    with index(read_settings(settings)) as engine:
        page = study_page(engine, sought)
    rows = without_patients(page.rows, show_patients=show_patients)
    columns = ["received", *STUDY_COLUMNS, "images", "job", "state"]
    columns[1:1] = PATIENT_COLUMNS if show_patients else ()
    columns += ["contents", "conflicts", "patients", "size_bytes", "study_UID"] if wide else []
    empty = "no such study" if sought != wanted(limit=limit) else "no study has arrived yet"
    show_rows(rows if as_json else _cells(rows), columns, as_json=as_json, empty=empty, is_wide=wide)
    tell_rest(page)


def _cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "received": row["last_received_at"],
            "images": row["images"],
            "job": next(iter(row["jobs"]), None),
            "state": row["progress"].words,
            "contents": row["instances"],
            "conflicts": row["conflicts"],
            "patients": row["patients"],
            "size_bytes": row["size_bytes"],
            **study_cells(row),
        }
        for row in rows
    ]


@app.command()
def show(
    target: Annotated[
        str,
        typer.Argument(metavar="STUDY|ACCESSION|JOB", help="Study Instance UID, accession number, or number of a job."),
    ],
    show_patients: PatientsOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the instances, conflicts, jobs and corrections of one study, and which of its series were read."""
    from dicomnode.store.files import FileStore
    from dicomnode.store.inputs import InputStore
    from dicomnode.store.listing import Wanted, contents_of, corrections_of, job_page, study_row

    read = read_settings(settings)
    with index(read) as engine:
        uid = study_of(engine, target)
        files = FileStore(read.store.data_dir / "instances", is_reader=True)
        instances = [_instance(one, is_conflict=is_conflict) for one, is_conflict in contents_of(engine, files, uid)]
        about = study_row(engine, uid)
        jobs = without_patients(
            job_page(engine, Wanted(limit=0), study_instance_uid=uid).rows, show_patients=show_patients
        )
        selection = InputStore(engine, files).selection_of(max(job["id"] for job in jobs)) if jobs else []
        replaced = corrections_of(engine, uid)
    study = without_patients([about] if about else [], show_patients=show_patients)
    if as_json:
        told = {"study_instance_uid": uid, "study": next(iter(study), None), "instances": instances}
        show_json(told | {"corrections": replaced, "jobs": jobs, "selection": selection})
        return
    columns = ("received", *(PATIENT_COLUMNS if show_patients else ()), *STUDY_COLUMNS, "study_UID")
    shown = [study_cells(row) | {"received": row["last_received_at"]} for row in study]
    no_job = "no job yet: the study is not complete, or has nothing to be read"
    tables = [
        (shown, columns, ""),
        (instances, _INSTANCE_COLUMNS, ""),
        (job_cells(jobs), _JOB_COLUMNS, no_job),
        (replaced, _CORRECTION_COLUMNS, ""),
        ([_as_shown(row) for row in selection], _SELECTION_COLUMNS, ""),
    ]
    for number, (rows, names, empty) in enumerate(tables):
        if number and rows:
            out.print()
        show_rows(rows, names, as_json=False, empty=empty)


def study_of(engine: Engine, target: str) -> str:
    """Study Instance UID of what a command names: by UID, accession number, or the number of a job.

    Raises
    ------
    PermanentError
        If there is no such study.
    """
    from dicomnode.store.listing import job_row

    study = one_study(engine, target)
    if not study and (number := job_number(target)):
        study = (job_row(engine, number) or {}).get("study_instance_uid", "")
    if not study:
        raise PermanentError(f"there is no study {target}; `dicomnode studies list` lists the studies")
    return study


def _instance(instance: KeptInstance, *, is_conflict: bool) -> dict[str, Any]:
    return {
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


def _as_shown(row: dict[str, Any]) -> dict[str, Any]:
    """One stack or film of the newest job: whether it was read, and if not, why."""
    told = {name: "" if row.get(name) is None else row[name] for name in _SELECTION_COLUMNS if name != "read"}
    return {"read": "read" if row.get("is_read") else row.get("reason", ""), **told}


@app.command()
def conflicts(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID; without it, all studies.")] = "",
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List instances that arrived again with different content and are not used, with the elements that differ."""
    from dicomnode.node.rooms import open_stores

    read = read_settings(settings)
    require_data(read)
    contests = open_stores(read, is_reader=True).corrections.beside(study_uid)
    rows = [_contest(contest) for contest in contests]
    show_rows(rows, _CONTEST_COLUMNS, as_json=as_json, empty="no content is kept beside another")


@app.command()
def correct(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID that the accepted contents name.")],
    content: Annotated[
        list[int] | None,
        typer.Option(help="Number of a content to accept, from `studies conflicts`; repeat for several."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, but change nothing.")] = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept corrected contents of instances; without --content, all corrections of the study.

    The previous contents are kept but no longer read. Jobs that read them are withdrawn; both studies are read again.
    """
    from dicomnode import logs

    logs.configure(level="warning", output="console")
    corrections = stores_to_change(read_settings(settings)).corrections
    if content:
        chosen = [corrections.content(number) for number in content]
    else:
        waiting = [contest for contest in corrections.beside(study_uid) if contest.is_correction]
        # Of several under one UID the newest: it stands last.
        chosen = [*{contest.new.key.sop_instance_uid: contest for contest in waiting}.values()]
    if not chosen:
        raise PermanentError(
            f"no correction of study {study_uid} is waiting; `dicomnode studies conflicts` shows what is kept"
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
