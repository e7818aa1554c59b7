"""The key objects: a Key Object Selection (TID 2010) that calls attention to the study."""

from __future__ import annotations

from collections.abc import Mapping

import highdicom as hd
from pydicom import Dataset

from dicomnode.compose.common import Series
from dicomnode.compose.document import CONTAINS, document, language, observation_context, root, text_item
from dicomnode.compose.request import Composed, ComposeRequest
from dicomnode.dicom import codes
from dicomnode.dicom.codes import code
from dicomnode.records import Section


def key_objects(request: ComposeRequest, overlays: Mapping[str, Composed]) -> Composed:
    """Compose the selection of heat maps and of the images they were drawn on."""
    report = request.report
    said = report.text
    summary = "\n".join((said.warning, *said.lines(Section.IMPRESSION), *said.lines(Section.RECOMMENDATION)))
    images = [_image(overlay.dataset.SOPClassUID, overlay.dataset.SOPInstanceUID) for overlay in overlays.values()]
    explained = {f.heatmap.image.sop_instance_uid: f.heatmap.image.sop_class_uid for f in report.findings if f.heatmap}
    images += [_image(sop_class_uid, uid) for uid, sop_class_uid in explained.items()]
    tree = root(
        codes.OF_INTEREST,
        "2010",
        [
            *language(report.text.language),
            *observation_context(request),
            text_item(codes.KEY_OBJECT_DESCRIPTION, summary),
            *images,
        ],
    )
    ds = document(request, Series.KEY_OBJECTS, "kos", tree, tuple(overlays.values()))
    for item in ds.ContentSequence:
        if item.ValueType == "IMAGE":
            # TID 2010 gives its images no concept name; highdicom can only build a tree in which all have one.
            del item.ConceptNameCodeSequence
    return Composed(role="kos", dataset=ds)


def _image(sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    item: Dataset = hd.sr.ImageContentItem(
        name=code(codes.BEST_ILLUSTRATION),
        referenced_sop_class_uid=sop_class_uid,
        referenced_sop_instance_uid=sop_instance_uid,
        relationship_type=CONTAINS,
    )
    return item
