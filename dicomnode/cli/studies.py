"""`dicomnode studies`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, out, read_settings, show_json, show_rows
from dicomnode.errors import PermanentError
from dicomnode.node.rooms import open_stores
from dicomnode.records import InstanceKey

app = typer.Typer(name="studies", help="The studies that the node keeps.", no_args_is_help=True)

_JOB_COLUMNS = ("id", "state", "stage", "acuity", "outcome", "reason")
_SELECTION_COLUMNS = (
    "series_number", "read", "images", "orientation", "kernel", "slice_thickness_mm", "coverage_mm", "sentence"
)  # fmt: skip
_INSTANCE_COLUMNS = ("sop_instance_uid", "modality", "size_bytes", "calling_ae_title", "received_at", "kept_as")


@app.command("list")
def list_(settings: SettingsOption = None, as_json: JsonOption = False) -> None:
    """List the studies, the newest first."""
    rows = open_stores(read_settings(settings)).instances.summaries()
    columns = ("study_instance_uid", "instances", "conflicts", "size_bytes", "last_instance_at", "is_waiting")
    show_rows(rows, columns, as_json=as_json, empty="no study has arrived yet")


@app.command()
def show(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the instances, conflicts and jobs of one study, and which of its series were read."""
    stores = open_stores(read_settings(settings))
    kept = stores.instances.all_in_study(study_uid)
    if not kept:
        raise PermanentError(f"no study {study_uid} is kept; `dicomnode studies list` shows those there are")
    instances = [
        {
            "sop_instance_uid": instance.key.sop_instance_uid,
            "sop_class_uid": instance.key.sop_class_uid,
            "modality": instance.key.modality,
            "size_bytes": instance.size_bytes,
            "calling_ae_title": instance.calling_ae_title,
            "received_at": instance.received_at,
            "kept_as": _kept_as(instance.key, is_conflict=is_conflict),
            "path": instance.path,
        }
        for instance, is_conflict in kept
    ]
    jobs = stores.jobs.list(study_instance_uid=study_uid)
    selection = stores.inputs.selection_of(max(job["id"] for job in jobs)) if jobs else []
    if as_json:
        show_json({"study_instance_uid": study_uid, "instances": instances, "jobs": jobs, "selection": selection})
        return
    show_rows(instances, _INSTANCE_COLUMNS, as_json=False, empty="")
    out.print()
    show_rows(jobs, _JOB_COLUMNS, as_json=False, empty="no job yet: the study is not complete")
    if selection:
        out.print()
        show_rows([_as_shown(row) for row in selection], _SELECTION_COLUMNS, as_json=False, empty="")


def _as_shown(row: dict[str, Any]) -> dict[str, Any]:
    """One stack or film of the newest job: whether it was read, and if not, why."""
    told = {name: "" if row.get(name) is None else row[name] for name in _SELECTION_COLUMNS if name != "read"}
    return {"read": "read" if row.get("is_read") else row.get("reason", ""), **told}


def _kept_as(key: InstanceKey, *, is_conflict: bool) -> str:
    if is_conflict:
        return "conflict"
    if key.is_own:
        return "own result"
    return "earlier study" if key.is_prior else "instance"
