"""`dicomnode alerts`."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Annotated

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, err, read_settings, show_rows
from dicomnode.dicom.uids import derived_uid
from dicomnode.errors import NodeError, SettingsError
from dicomnode.node.rooms import open_stores
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
from dicomnode.send.alerts import send_alert
from dicomnode.settings import AlertChannel
from dicomnode.store.alerts import AlertState

app = typer.Typer(
    name="alerts", help="Who was told of acute findings, and when it was acknowledged.", no_args_is_help=True
)

COLUMNS = (
    "id",
    "channel",
    "state",
    "acuity",
    "findings",
    "retracts",
    "created_at",
    "sent_at",
    "acknowledged_at",
    "attempts",
    "reason",
)

_TEST_FINDING = AlertFinding(
    key="test",
    code=CodedConcept("1386000", "SCT", "Intracranial hemorrhage"),
    verdict=Verdict.PRESENT,
    estimate=Estimate(percent=99),
    acuity=Acuity.EMERGENT,
)
_TEST_PATIENT = NamedPatient(
    name="TEST^DICOMNODE", id="DICOMNODE-TEST", issuer="", birth_date="", sex="O", accession_number="DICOMNODE-TEST"
)


@app.command("list")
def list_(
    state: Annotated[AlertState | None, typer.Option(help="Only alerts in this state.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the alerts with when they were found, sent and acknowledged, the newest first."""
    rows = open_stores(read_settings(settings), is_reader=True).alerts.list(state=state)
    show_rows(rows, ("job_id", *COLUMNS), as_json=as_json, empty="no alerts")


@app.command()
def retry(
    alert_id: Annotated[int, typer.Argument(min=1, max=2**31 - 1, help="Number of the alert, from `alerts list`.")],
    settings: SettingsOption = None,
) -> None:
    """Send an alert again that was given up."""
    open_stores(read_settings(settings)).alerts.retry(alert_id, now=dt.datetime.now(dt.UTC))
    err.print(f"alert {alert_id} waits again")


@app.command("test")
def try_(
    names: Annotated[list[str] | None, typer.Argument(help="Channels to try; all without.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a message marked as a test to alert channels and say who acknowledges it."""
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
    message = AlertMessage(
        control_id=f"TEST{secrets.token_hex(8).upper()}",
        created_at=dt.datetime.now(dt.UTC),
        study_instance_uid=derived_uid("test message"),
        content=AlertContent(findings=(_TEST_FINDING,), model="test", model_version="0"),
        study=AlertStudy(modality="CT", examined=dt.datetime.now(dt.UTC)),
        patient=_TEST_PATIENT if channel.patient_data else None,
        is_test=True,
    )
    try:
        return {"name": name, "acknowledged": True, "answer": send_alert(channel, message)}
    except NodeError as error:
        return {"name": name, "acknowledged": False, "answer": str(error)}
