"""`dicomnode jobs`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dicomnode.cli.alerts import COLUMNS as ALERT_COLUMNS
from dicomnode.cli.alerts import cells as alert_cells
from dicomnode.cli.common import JsonOption, SettingsOption, err, label, out, read_settings, show_json, show_rows
from dicomnode.cli.looking import (
    LARGEST_JOB,
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
    stores_to_change,
    study_cells,
    tell_rest,
    wanted,
    without_patients,
)
from dicomnode.cli.plain import harmless
from dicomnode.cli.words import delivery_of, result_of, state_of
from dicomnode.errors import PermanentError
from dicomnode.records import JobState, Progress

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from dicomnode.store.results import ResultStore

app = typer.Typer(name="jobs", help="What is queued, running and done.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, but change nothing.")]
JobId = Annotated[int, typer.Argument(min=1, max=LARGEST_JOB, help="Number of the job, from `jobs list`.")]


@app.command("list")
def list_(  # noqa: PLR0913  # one option a parameter
    accession: AccessionOption = "",
    modality: ModalityOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    state: Annotated[Progress | None, typer.Option(help="Only jobs in this state.")] = None,
    patient: PatientOption = "",
    limit: LimitOption = 50,
    show_patients: PatientsOption = False,
    wide: WideOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the jobs: open ones in queue order, then those that ended, the newest first."""
    from dicomnode.store.listing import job_page

    sought = wanted(
        accession=accession, modality=modality, since=since, until=until, state=state or "", patient=patient,
        limit=limit, show_patients=show_patients,
    )  # fmt: skip
    with index(read_settings(settings)) as engine:
        page = job_page(engine, sought)
    rows = without_patients(page.rows, show_patients=show_patients)
    columns = ["job", "received", *STUDY_COLUMNS, "result", "state"]
    columns[2:2] = PATIENT_COLUMNS if show_patients else ()
    columns += ["bundle", "study_UID"] if wide else []
    show_rows(rows if as_json else job_cells(rows), columns, as_json=as_json, empty="no jobs", is_wide=wide)
    tell_rest(page)


def job_cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of jobs as a table shows them."""
    now = dt.datetime.now(dt.UTC)
    return [
        {
            "job": row["id"],
            "received": row["created_at"],
            "bundle": row["bundle"],
            "result": result_of(row),
            "state": state_of(row, now=now),
            **study_cells(row),
        }
        for row in rows
    ]


@app.command()
def show(
    target: Annotated[
        str,
        typer.Argument(
            metavar="JOB|ACCESSION|STUDY",
            help="Number of a job; or an accession number or Study Instance UID, whose newest job is shown.",
        ),
    ],  # fmt: skip
    show_patients: PatientsOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one job, its results, where each has been sent, and who was notified."""
    from dicomnode.store.files import FileStore
    from dicomnode.store.listing import Wanted, alert_page
    from dicomnode.store.results import ResultStore

    read = read_settings(settings)
    with index(read) as engine:
        row = _one_job(engine, target)
        results = ResultStore(engine, FileStore(read.store.data_dir / "results", is_reader=True))
        row |= _answer(results, row["id"], row["study_instance_uid"])
        deliveries = results.deliveries_of(row["id"])
        alerts = without_patients(alert_page(engine, Wanted(limit=0), job_id=row["id"]).rows, show_patients=False)
    (row,) = without_patients([row], show_patients=show_patients)
    if as_json:
        show_json(row | {"results": deliveries, "alerts": alerts})
        return
    now = dt.datetime.now(dt.UTC)
    about = {"job": row["id"], "state": state_of(row, now=now), "result": result_of(row)}
    about |= {name: value for name, value in row.items() if name not in _OF_PROGRAMS}
    for name, value in about.items():
        if _shown(value):
            out.print(f"{label(name)}: {harmless(_shown(value))}")
    told = [delivery_of(one, is_canceled=row["state"] == JobState.CANCELED) for one in deliveries]
    show_rows(
        told, ("role", "destination", "state", "attempts", "sop_instance_uid"), as_json=False, empty="no results yet"
    )
    show_rows(alert_cells(alerts), ALERT_COLUMNS, as_json=False, empty="")


_OF_PROGRAMS = (
    "id", "state", "progress", "waits_for", "key", "revision", "outcome", "reason", "not_before", "lease_owner",
    "lease_until", "due_at", "deferrals",
)  # fmt: skip
"""What the lines of `show` say in words, or not at all."""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list | tuple):
        return ", ".join(str(one) for one in value)
    return "" if value is None else str(value)


def _one_job(engine: Engine, target: str) -> dict[str, Any]:
    """The job that a command names: by its number, else the newest one of the study that it names.

    Raises
    ------
    PermanentError
        If there is none.
    """
    from dicomnode.store.listing import Wanted, job_page, job_row

    number = job_number(target)
    row = job_row(engine, number) if number else None
    if row is None and (study := one_study(engine, target)):
        jobs = job_page(engine, Wanted(limit=0), study_instance_uid=study).rows
        row = max(jobs, key=lambda job: job["id"], default=None)
    if row is None:
        raise PermanentError(f"there is no job {target}; `dicomnode jobs list` lists the jobs")
    return row


@app.command()
def retry(job_id: JobId, settings: SettingsOption = None) -> None:
    """Queue a failed or canceled job again, or send its undelivered results again."""
    stores = stores_to_change(read_settings(settings))
    # What a destination refused can go all the same while another still waits, or holds everything.
    if not stores.results.retry(job_id, now=dt.datetime.now(dt.UTC)):
        stores.jobs.retry(job_id)
    err.print(f"job {job_id} is queued again")


@app.command()
def cancel(job_id: JobId, settings: SettingsOption = None) -> None:
    """Stop a job that has not ended; results that were already sent stay where they are."""
    stores = stores_to_change(read_settings(settings))
    stores.jobs.cancel(job_id, reason="CANCELED: by the operator", now=dt.datetime.now(dt.UTC))
    err.print(f"job {job_id} is canceled")


@app.command()
def resend(
    job_id: JobId,
    destination: Annotated[list[str] | None, typer.Option(help="Only to this destination; repeat for several.")] = None,
    dry_run: DryRun = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the results of a job again, the same objects, to all of its destinations or to some."""
    from dicomnode.node.again import resend_results  # loads what composes

    read = read_settings(settings)
    rows = resend_results(read, stores_to_change(read), job_id, destination or (), is_trial=dry_run)
    show_rows(rows, ("destination", "results"), as_json=as_json, empty="")
    err.print("nothing was changed (--dry-run)" if dry_run else f"the results of job {job_id} will be sent again")


@app.command()
def reread(
    target: Annotated[str, typer.Argument(metavar="JOB|STUDY", help="Number of a job, or a Study Instance UID.")],
    dry_run: DryRun = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a study again; the new results replace the former ones, which are withdrawn."""
    from dicomnode import logs
    from dicomnode.node.again import reread as read_again  # loads what composes

    logs.configure(level="error", output="console")
    read = read_settings(settings)
    done = read_again(read, stores_to_change(read), target, is_trial=dry_run)
    if as_json:
        show_json(done)
        return
    former = ", ".join(str(job_id) for job_id in done["replaces"]) or "none"
    study, jobs = done["study_instance_uid"], ", ".join(str(job_id) for job_id in done["jobs"])
    told = f"study {study} would be read again" if dry_run else f"study {study} is being read again by job {jobs}"
    err.print(f"{told}; jobs whose results will be withdrawn: {former}")


@app.command()
def withdraw(job_id: JobId, dry_run: DryRun = False, settings: SettingsOption = None) -> None:
    """Withdraw the results of a job: send rejection notes to its destinations, and retract its alerts."""
    from dicomnode import logs
    from dicomnode.node.withdrawing import withdraw as withdraw_answer  # loads what composes
    from dicomnode.records import WithdrawalReason
    from dicomnode.store.withdrawals import Withdrawals

    logs.configure(level="error", output="console")
    read = read_settings(settings)
    stores = stores_to_change(read)
    answer = Withdrawals(stores.results).of_job(job_id)
    if answer is None:
        job = stores.jobs.get(job_id)
        if job is None:
            raise PermanentError(f"there is no job {job_id}; `dicomnode jobs list` lists the jobs")
        told = f"`dicomnode jobs show {job_id}` shows its state"
        raise PermanentError(f"job {job_id} has no results to withdraw; {told}")
    if not answer.stands:
        raise PermanentError(f"job {job_id} was withdrawn before: {answer.withdrawal and answer.withdrawal.words}")
    if dry_run:
        err.print(f"the results of job {job_id} would be withdrawn; nothing was changed (--dry-run)")
        return
    withdraw_answer(read, stores.results, job_id, WithdrawalReason.BY_OPERATOR)
    err.print(f"the results of job {job_id} are withdrawn")


def _answer(results: ResultStore, job_id: int, study_instance_uid: str) -> dict[str, object]:
    """Which of the study's answers a job's is, whether it stands, and what took its place."""
    from dicomnode.store.withdrawals import Withdrawals

    answers = Withdrawals(results).of_study(study_instance_uid)
    answer = next((one for one in answers if one.job_id == job_id), None)
    if answer is None:
        return {}
    return {
        "answer_revision": answer.number,
        "answer_stands": answer.stands,
        "replaces_jobs": [one.job_id for one in answers if one.replaced_by == job_id],
        "replaced_by_job": answer.replaced_by,
        "withdrawn_at": answer.withdrawn_at,
        "withdrawn_because": answer.withdrawal,
    }
