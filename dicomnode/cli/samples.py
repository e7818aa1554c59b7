"""`dicomnode samples`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dicomnode.cli.common import err
from dicomnode.errors import PermanentError
from dicomnode.phantoms.samples import write_samples

app = typer.Typer(name="samples", help="Synthetic sample studies.", no_args_is_help=True)


@app.command()
def write(folder: Annotated[Path, typer.Argument(help="Folder to write to.")]) -> None:
    """Create the synthetic studies of sample_dicom; the files are the same every time."""
    try:
        write_samples(folder)
    except OSError as error:
        raise PermanentError(f"{folder} cannot be written: {error.strerror}") from None
    err.print(f"wrote synthetic studies to {folder}")
