"""`dicomnode jobs`."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from dicomnode.cli.alerts import COLUMNS as ALERT_COLUMNS
from dicomnode.cli.common import JsonOption, SettingsOption, err, out, read_settings, show_json, show_rows
from dicomnode.errors import PermanentError
from dicomnode.node.rooms import open_stores
from dicomnode.records import JobState

app = typer.Typer(name="jobs", help="What is queued, running and done.", no_args_is_help=True)

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
