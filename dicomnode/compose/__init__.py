"""Reports and heat maps as DICOM data sets, one SOP class a file.

Does: build every object of one answer, in the source's study, with UIDs that follow from all that it is made of
(`answer_key.py`), so that composing twice gives the same bytes; build the notes that withdraw an answer.
Does not: judge, draw conclusions, write files, send.

To add an object: write `compose/<name>.py` with a function that returns `Composed`, give it a `Series` in
`common.py` and a `Kind` in `profiles.py`, name it there in the profiles that want it, and call it in `objects.py`.
What only some profiles want is imported when it is composed first, as its library costs a worker memory.

A page for people goes through four steps: its content (`page.py`), its layout (`layout.py`, `bars.py`, `badge.py`) in
marks of named inks (`ink.py`), and pixels (`raster.py`, `summary.py`) or a PDF (`pdf_report.py`). Heat maps take the
same way (`caption.py`, `legend.py`, `picture.py`).
"""

from dicomnode.compose.objects import compose
from dicomnode.compose.profiles import Kind, is_for, kinds_for
from dicomnode.compose.request import Composed, ComposeRequest

__all__ = ["ComposeRequest", "Composed", "Kind", "compose", "is_for", "kinds_for"]
