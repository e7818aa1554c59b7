"""`dicomnode jobs`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from dicomnode import logs
from dicomnode.cli.alerts import COLUMNS as ALERT_COLUMNS
from dicomnode.cli.common import JsonOption, SettingsOption, err, out, read_settings, show_json, show_rows
from dicomnode.errors import PermanentError
from dicomnode.node.rooms import Stores, open_stores
from dicomnode.records import JobState, WithdrawalReason
from dicomnode.store.withdrawals import Withdrawals

app = typer.Typer(name="jobs", help="What is queued, running and done.", no_args_is_help=True)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
JobId = Annotated[int, typer.Argument(min=1, max=2**31 - 1, help="Number of the job, from `jobs list`.")]


@app.command("list")
def list_(
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the jobs: open ones in queue order, then those that ended, the newest first."""
    rows = open_stores(read_settings(settings), is_reader=True).jobs.list(state=state)
    columns = ("id", "study_instance_uid", "state", "stage", "bundle", "acuity", "outcome", "created_at", "reason")
    show_rows(rows, columns, as_json=as_json, empty="no jobs")


@app.command()
def show(job_id: JobId, settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """Show one job, its results, where each has been sent, and who was told of it."""
    stores = open_stores(read_settings(settings), is_reader=True)
    row = next((row for row in stores.jobs.list() if row["id"] == job_id), None)
    if row is None:
        raise PermanentError(f"there is no job {job_id}; `dicomnode jobs list` shows those there are")
    row |= _answer(stores, job_id, row["study_instance_uid"])
    deliveries = stores.results.deliveries_of(job_id)
    alerts = stores.alerts.list(job_id=job_id)
    if as_json:
        show_json(row | {"results": deliveries, "alerts": alerts})
        return
    for key, value in row.items():
        out.print(f"{key.replace('_', ' ')}: {value}", markup=False, highlight=False, soft_wrap=True)
    columns = ("role", "destination", "state", "attempts", "reason", "sop_instance_uid")
    show_rows(deliveries, columns, as_json=False, empty="no results yet")
    if alerts:
        show_rows(alerts, ALERT_COLUMNS, as_json=False, empty="")


@app.command()
def retry(job_id: JobId, settings: SettingsOption = None) -> None:
    """Put a canceled job back into the queue, or its results that could not be sent."""
    stores = open_stores(read_settings(settings))
    # What a destination refused can go all the same while another still waits, or holds everything.
    if not stores.results.retry(job_id, now=dt.datetime.now(dt.UTC)):
        stores.jobs.retry(job_id)
    err.print(f"job {job_id} is queued again")


@app.command()
def cancel(job_id: JobId, settings: SettingsOption = None) -> None:
    """Stop a job that has not ended; results that were sent stay where they are."""
    stores = open_stores(read_settings(settings))
    stores.jobs.cancel(job_id, reason="CANCELED: by the operator", now=dt.datetime.now(dt.UTC))
    err.print(f"job {job_id} is canceled")


@app.command()
def resend(
    job_id: JobId,
    destination: Annotated[list[str] | None, typer.Option(help="Only to this one; may be given again.")] = None,
    dry_run: DryRun = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the results of a job again, the same objects, to all its destinations or to some."""
    from dicomnode.node.again import resend_results  # loads what composes

    read = read_settings(settings)
    rows = resend_results(read, open_stores(read), job_id, destination or (), is_trial=dry_run)
    show_rows(rows, ("destination", "results"), as_json=as_json, empty="")
    err.print("nothing was changed (--dry-run)" if dry_run else f"the results of job {job_id} wait to be sent again")


@app.command()
def reread(
    target: Annotated[str, typer.Argument(metavar="JOB|STUDY", help="Number of a job, or a Study Instance UID.")],
    dry_run: DryRun = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read a study again; the new answer withdraws the former one."""
    from dicomnode.node.again import reread as read_again  # loads what composes

    logs.configure(level="error", output="console")
    read = read_settings(settings)
    done = read_again(read, open_stores(read), target, is_trial=dry_run)
    if as_json:
        show_json(done)
        return
    former = ", ".join(str(job_id) for job_id in done["replaces"]) or "none"
    study, jobs = done["study_instance_uid"], ", ".join(str(job_id) for job_id in done["jobs"])
    told = f"study {study} would be read again" if dry_run else f"study {study} is read again, by job: {jobs}"
    err.print(f"{told}; answers that this will withdraw, by job: {former}")


@app.command()
def withdraw(job_id: JobId, dry_run: DryRun = False, settings: SettingsOption = None) -> None:
    """Withdraw the results of a job: rejection notes to whoever holds them, retractions to whoever was alerted."""
    from dicomnode.node.withdrawing import withdraw as withdraw_answer  # loads what composes

    logs.configure(level="error", output="console")
    read = read_settings(settings)
    stores = open_stores(read)
    answer = Withdrawals(stores.results).of_job(job_id)
    if answer is None:
        job = stores.jobs.get(job_id)
        if job is None:
            raise PermanentError(f"there is no job {job_id}; `dicomnode jobs list` shows those there are")
        raise PermanentError(f"job {job_id} has no results to withdraw: it is {job.state}")
    if not answer.stands:
        raise PermanentError(f"job {job_id} was withdrawn before: {answer.withdrawal and answer.withdrawal.words}")
    if dry_run:
        err.print(f"the results of job {job_id} would be withdrawn; nothing was changed (--dry-run)")
        return
    withdraw_answer(read, stores.results, job_id, WithdrawalReason.BY_OPERATOR)
    err.print(f"the results of job {job_id} are withdrawn")


def _answer(stores: Stores, job_id: int, study_instance_uid: str) -> dict[str, object]:
    """Which of the study's answers a job's is, whether it stands, and what took its place."""
    answers = Withdrawals(stores.results).of_study(study_instance_uid)
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
