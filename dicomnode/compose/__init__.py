"""Reports and heat maps as DICOM data sets, one SOP class a file.

Does: build every object of one answer, in the source's study, with UIDs that follow from the job key, so
that composing twice gives the same bytes.
Does not: judge, draw conclusions, write files, send.

To add an object: write `compose/<name>.py` with a function that returns `Composed`, give it a `Series` in
`common.py` and call it in `objects.py`.
"""

from dicomnode.compose.objects import compose
from dicomnode.compose.request import Composed, ComposeRequest

__all__ = ["ComposeRequest", "Composed", "compose"]
