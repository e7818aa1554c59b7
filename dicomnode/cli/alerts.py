"""`dicomnode alerts`."""

from __future__ import annotations

import datetime as dt
import secrets
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, err, read_settings, show_rows
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
    stores_to_change,
    study_cells,
    tell_rest,
    wanted,
    without_patients,
)
from dicomnode.cli.words import alert_of
from dicomnode.errors import NodeError, SettingsError

if TYPE_CHECKING:
    from dicomnode.records import AlertMessage
    from dicomnode.settings import AlertChannel

app = typer.Typer(
    name="alerts", help="Who was notified of acute findings, and when they acknowledged.", no_args_is_help=True
)

COLUMNS = ("alert", "channel", "acuity", "findings", "retracts", "created", "acknowledged", "state")


class AlertChoice(StrEnum):
    """State of an alert, as an option names it."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    FAILED = "failed"
    CANCELED = "canceled"


@app.command("list")
def list_(  # noqa: PLR0913  # one option a parameter
    accession: AccessionOption = "",
    modality: ModalityOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    state: Annotated[AlertChoice | None, typer.Option(help="Only alerts in this state.")] = None,
    patient: PatientOption = "",
    limit: LimitOption = 50,
    show_patients: PatientsOption = False,
    wide: WideOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the alerts, the newest first, with the times they were created and acknowledged."""
    from dicomnode.store.listing import alert_page

    sought = wanted(
        accession=accession, modality=modality, since=since, until=until, state=state.upper() if state else "",
        patient=patient, limit=limit, show_patients=show_patients,
    )  # fmt: skip
    with index(read_settings(settings)) as engine:
        page = alert_page(engine, sought)
    rows = without_patients(page.rows, show_patients=show_patients)
    columns = ["job", *STUDY_COLUMNS[:3], *COLUMNS]
    columns[1:1] = PATIENT_COLUMNS if show_patients else ()
    columns += ["description", "sent", "attempts", "study_UID"] if wide else []
    show_rows(rows if as_json else cells(rows), columns, as_json=as_json, empty="no alerts", is_wide=wide)
    tell_rest(page)


def cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of alerts as a table shows them."""
    return [
        {
            "alert": row["id"],
            "job": row["job_id"],
            "channel": row["channel"],
            "acuity": row["acuity"].replace("_", " "),
            "findings": row["findings"],
            "retracts": row["retracts"],
            "created": row["created_at"],
            "sent": row["sent_at"],
            "acknowledged": row["acknowledged_at"],
            "attempts": row["attempts"],
            "state": alert_of(row),
            **study_cells(row),
        }
        for row in rows
    ]


@app.command()
def retry(
    alert_id: Annotated[int, typer.Argument(min=1, max=2**31 - 1, help="Number of the alert, from `alerts list`.")],
    settings: SettingsOption = None,
) -> None:
    """Send an undelivered alert again."""
    stores_to_change(read_settings(settings)).alerts.retry(alert_id, now=dt.datetime.now(dt.UTC))
    err.print(f"alert {alert_id} waits again")


@app.command("test")
def try_(
    names: Annotated[list[str] | None, typer.Argument(help="Channels to test. Default: all.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a test message to alert channels and show which of them acknowledge it."""
    channels = read_settings(settings).send.alerts
    wanted = names or list(channels)
    unknown = [name for name in wanted if name not in channels]
    if unknown:
        known = ", ".join(channels) or "none"
        raise SettingsError(f"{unknown[0]!r} is not an alert channel; known: {known}")
    rows = [_tried(name, channels[name]) for name in wanted]
    empty = "no alert channels: see [send.alerts.NAME] in the settings"
    show_rows(rows, ("name", "acknowledged", "answer"), as_json=as_json, empty=empty)
    if not all(row["acknowledged"] for row in rows):
        err.print("not every channel acknowledges")
        raise typer.Exit(1)


def _tried(name: str, channel: AlertChannel) -> dict[str, object]:
    from dicomnode.send.alerts import send_alert

    try:
        return {"name": name, "acknowledged": True, "answer": send_alert(channel, _test_message(channel))}
    except NodeError as error:
        return {"name": name, "acknowledged": False, "answer": str(error)}


def _test_message(channel: AlertChannel) -> AlertMessage:
    """A message that says of itself that it is a test, of a patient who is none."""
    from dicomnode.dicom.uids import derived_uid
    from dicomnode.records import (
        Acuity,
        AlertContent,
        AlertFinding,
        AlertMessage,
        AlertStudy,
        CodedConcept,
        Estimate,
        NamedPatient,
        Verdict,
    )

    finding = AlertFinding(
        key="test",
        code=CodedConcept("1386000", "SCT", "Intracranial hemorrhage"),
        verdict=Verdict.PRESENT,
        estimate=Estimate(percent=99),
        acuity=Acuity.EMERGENT,
    )
    number = "DICOMNODE-TEST"
    patient = NamedPatient(name="TEST^DICOMNODE", id=number, issuer="", birth_date="", sex="O", accession_number=number)
    return AlertMessage(
        control_id=f"TEST{secrets.token_hex(8).upper()}",
        created_at=dt.datetime.now(dt.UTC),
        study_instance_uid=derived_uid("test message"),
        content=AlertContent(findings=(finding,), model="test", model_version="0"),
        study=AlertStudy(modality="CT", examined=dt.datetime.now(dt.UTC)),
        patient=patient if channel.patient_data else None,
        is_test=True,
    )
