"""Reports and heat maps as DICOM data sets, one SOP class a file.

Does: build every object of one answer, in the source's study, with UIDs that follow from all that it is made of
(`answer_key.py`), so that composing twice gives the same bytes; build the notes that withdraw an answer.
Does not: judge, draw conclusions, write files, send.

To add an object: give it a `ResultKind` in `records/result.py` and a `Series` in `common.py`, write
`compose/<name>.py` with a function that returns `Composed`, call it in `objects.py`, and name it in `profiles.py` for
the profiles that want it.
What only some profiles want is imported when it is composed first, as its library costs a worker memory.

A page for people goes through four steps: its content (`page.py`), its layout (`layout.py`, `bars.py`, `badge.py`) in
marks of named inks (`ink.py`), and pixels (`raster.py`, `summary.py`) or a PDF (`pdf_report.py`). Heat maps take the
same way (`caption.py`, `legend.py`, `picture.py`).
"""

from dicomnode.compose.objects import compose
from dicomnode.compose.profiles import is_for, kind_of, kinds_for
from dicomnode.compose.request import Composed, ComposeRequest

__all__ = ["ComposeRequest", "Composed", "compose", "is_for", "kind_of", "kinds_for"]
