"""`dicomnode priors`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from dicomnode.cli.common import JsonOption, SettingsOption, err, out, read_settings, show_json, show_rows
from dicomnode.cli.looking import WideOption, index, require_data, stores_to_change
from dicomnode.cli.studies import study_of
from dicomnode.errors import PermanentError

if TYPE_CHECKING:
    from dicomnode.priors.search import Candidate

app = typer.Typer(name="priors", help="Earlier studies that new studies are compared with.", no_args_is_help=True)

_COLUMNS = ("accession", "modality", "study_date", "description", "found_in", "compared", "why_not")


@app.command()
def find(
    target: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|ACCESSION|JOB",
            help="Study Instance UID or accession number of a study that the node keeps, or the number of its job.",
        ),
    ],
    wide: WideOption = False,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which earlier study a study would be compared with, and why not with others; retrieves nothing."""
    from dicomnode.node.rooms import admission, open_stores
    from dicomnode.priors.search import PriorSearch, of_one_patient, patience_of, summary_of_kept

    configuration = read_settings(settings)
    require_data(configuration)
    with index(configuration) as engine:
        study_uid = study_of(engine, target)
    stores = open_stores(configuration, is_reader=True)
    kept = stores.instances.in_study(study_uid) or stores.instances.known_of_study(study_uid)
    current = of_one_patient(summary_of_kept(kept))
    if current is None:
        raise PermanentError(f"study {study_uid} has no usable Patient ID, so it is not compared")
    searcher = PriorSearch(configuration, stores.instances, stores.requests, admission(configuration, stores).admit)
    search = searcher.find(current, patience_of(configuration, is_emergent=False))
    usable = search.usable[: configuration.priors.maximum]
    archive = configuration.priors.source
    rows = [_row(candidate, archive, is_compared=candidate in usable) for candidate in search.candidates]
    if as_json:
        show_json({"study_instance_uid": study_uid, "archive_failure": search.failure, "studies": rows})
    else:
        columns = (*_COLUMNS, "study_instance_uid") if wide else _COLUMNS
        cells = [row | _cells(row) for row in rows]
        show_rows(cells, columns, as_json=False, empty="no other study of the patient was found", is_wide=wide)
        if search.failure:
            out.print(f"\nthe archive was not searched: {search.failure}")
    if not configuration.priors.is_enabled:
        err.print("priors.is_enabled is false: no study is compared")


@app.command("index")
def index_(settings: SettingsOption = None) -> None:
    """Add to the patient index the studies that were stored before it existed."""
    count = stores_to_change(read_settings(settings)).instances.index_patients()
    out.print(f"{count} instances added to the index of patients")


def _row(candidate: Candidate, archive: str, *, is_compared: bool) -> dict[str, object]:
    places = ["own store"] * candidate.is_kept + [archive] * candidate.is_at_archive
    too_many = "enough newer ones are tried first (priors.maximum)"
    return {
        "study_instance_uid": candidate.study.study_instance_uid,
        "study_date": candidate.study.study_date,
        "accession_number": candidate.study.accession_number,
        "description": candidate.study.description,
        "modalities": candidate.study.modalities,
        "found_in": places,
        "is_compared": is_compared,
        "why_not": candidate.why_not or ("" if is_compared else too_many),
    }


def _cells(row: dict[str, object]) -> dict[str, object]:
    return {"accession": row["accession_number"], "modality": row["modalities"], "compared": row["is_compared"]}
