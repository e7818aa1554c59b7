"""Occlusion: how much of the logit is lost where a patch is hidden (Zeiler and Fergus, ECCV 2014).

Hidden means blurred. The method queries the model and uses nothing of its inside, which suits audits.
"""

from __future__ import annotations

import numpy as np

from dicomnode.explain.case import Case
from dicomnode.explain.pixels import blurred
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import evidence_weights
from dicomnode.records import FloatArray

PATCHES = 14
"""Patches along one side."""


@explainer("occlusion", is_slow=True)
def occlusion(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    image = case.image.pixel_values
    hidden = blurred(image)
    rows, columns = (np.linspace(0, size, PATCHES + 1).round().astype(int) for size in image.shape[1:])
    whole = float(case.logits(image[np.newaxis])[0])
    lost = np.zeros((PATCHES, PATCHES), dtype=np.float32)
    for down in range(PATCHES):
        row = np.repeat(image[np.newaxis], PATCHES, axis=0)
        for across in range(PATCHES):
            place = (slice(None), slice(*rows[down : down + 2]), slice(*columns[across : across + 2]))
            row[across][place] = hidden[place]
        lost[down] = whole - case.logits(row)
    return on_stored_frame(evidence_weights(lost), case.image)
