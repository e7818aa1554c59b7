"""Temporal attention: how much each slice of a volume counted, or where the model looked to compare two studies.

Of a volume every pixel of a slice has the same weight, the slice's share of the attention; maps of all slices show
where in the volume the finding was read. Where the study was compared with a prior one, the map shows instead where
the comparison looked: in the current image, or, of the prior reading's case, in the prior one.
"""

from __future__ import annotations

import numpy as np

from dicomnode.errors import ExplainError
from dicomnode.explain.case import Case
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import attention_weights
from dicomnode.records import FloatArray


@explainer("temporal_attention")
def temporal_attention(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]."""
    if case.compared is not None:
        return on_stored_frame(attention_weights(case.compared[0]), case.image)
    shares = case.reading.slice_attention
    if shares.shape[1] < 2:
        raise ExplainError("temporal attention needs a volume or an earlier study")
    share = np.full(case.image.display.shape, shares[case.finding, case.index], dtype=np.float32)
    return np.clip(share, 0, 1)
