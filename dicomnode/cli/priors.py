"""`dicomnode priors`."""

from __future__ import annotations

from typing import Annotated

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, err, out, read_settings, show_json, show_rows
from dicomnode.errors import PermanentError
from dicomnode.node.comparing import priors
from dicomnode.node.rooms import open_stores
from dicomnode.priors.search import Candidate

app = typer.Typer(name="priors", help="Earlier studies that studies are compared with.", no_args_is_help=True)

_COLUMNS = ("study_instance_uid", "study_date", "modalities", "found_in", "is_compared", "why_not")


@app.command()
def find(
    study_uid: Annotated[str, typer.Argument(help="Study Instance UID of a study that the node keeps.")],
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show with what a study would be compared, and why not with the patient's other studies; nothing is fetched."""
    configuration = read_settings(settings)
    stores = open_stores(configuration, is_reader=True)
    kept = stores.instances.in_study(study_uid) or stores.instances.known_of_study(study_uid)
    if not kept:
        raise PermanentError(f"no study {study_uid} is kept; `dicomnode studies list` shows those there are")
    search = priors(configuration, stores).find(kept)
    if search is None:
        message = f"study {study_uid} is compared with none: it does not say surely who the patient is"
        raise PermanentError(message)
    usable = search.usable[: configuration.priors.maximum]
    archive = configuration.priors.source
    rows = [_row(candidate, archive, is_compared=candidate in usable) for candidate in search.candidates]
    if as_json:
        show_json({"study_instance_uid": study_uid, "archive_failure": search.failure, "studies": rows})
    else:
        show_rows(rows, _COLUMNS, as_json=False, empty="no other study of the patient was found")
        if search.failure:
            out.print(f"\nthe archive was not searched: {search.failure}", highlight=False)
    if not configuration.priors.is_enabled:
        err.print("priors.is_enabled is false: no study is compared", highlight=False)


@app.command()
def index(settings: SettingsOption = None) -> None:
    """Take studies into the index of patients that were kept before there was one."""
    count = open_stores(read_settings(settings)).instances.index_patients()
    out.print(f"{count} instances taken into the index of patients", highlight=False)


def _row(candidate: Candidate, archive: str, *, is_compared: bool) -> dict[str, object]:
    places = ["own store"] * candidate.is_kept + [archive] * candidate.is_at_archive
    too_many = "enough newer ones are tried first (priors.maximum)"
    return {
        "study_instance_uid": candidate.study.study_instance_uid,
        "study_date": candidate.study.study_date,
        "modalities": candidate.study.modalities,
        "found_in": places,
        "is_compared": is_compared,
        "why_not": candidate.why_not or ("" if is_compared else too_many),
    }
