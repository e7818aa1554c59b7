"""Cross-modal attention: where the decoder looked while it wrote the sentences on the finding.

The decoder's memory holds the image's cells, row by row, and then (unless the bundle was trained without them) one
position for each finding. What it looked at in a finding's position is laid where that finding's class map speaks for
it, as the position tells nothing but that. The memory of a volume is a mean of its slices, weighed by how much each
counts: the map is the same for every slice, and has no depth of its own.
"""

from __future__ import annotations

import math

import numpy as np

from dicomnode.errors import ExplainError
from dicomnode.explain.case import Case
from dicomnode.explain.placement import on_stored_frame
from dicomnode.explain.registry import explainer
from dicomnode.explain.scale import attention_weights
from dicomnode.records import Encoding, FloatArray, Reading

# S positions of the memory, K findings, h, w cells of the class maps


@explainer("cross_modal_attention")
def cross_modal_attention(case: Case) -> FloatArray:
    """Weights (rows, columns) on the image as stored, [0, 1]; the mean over the sentences that name the finding."""
    spoken = [
        number
        for number, sentence in enumerate(case.reading.draft.sentences)
        if any(term in sentence.casefold() for term in case.spec.terms)
    ]
    if not spoken:
        raise ExplainError(f"no sentence of the draft mentions {case.spec.key}")
    source = case.reading.drafted_from
    if source is not None and source != case.index:
        raise ExplainError("the draft was written from a different film")
    cells = [sentence_attention(case.reading, number, case.index) for number in spoken]
    return on_stored_frame(attention_weights(np.mean(cells, axis=0)), case.image)


def sentence_attention(reading: Reading, sentence: int, image: int) -> FloatArray:
    """Where the decoder looked while it wrote one sentence.

    Parameters
    ----------
    sentence
        Index into the draft's sentences.
    image
        Index of the image on whose cells it is laid.

    Returns
    -------
    FloatArray
        (rows, columns) of the memory's cells; sums to 1, or less where it looked at findings that have no evidence.

    Raises
    ------
    ExplainError
        If the bundle drafts nothing, or its memory is not made of the image's cells.
    """
    encoding, attention = reading.encodings[image], reading.draft.attention
    cells, findings = encoding.tokens.shape[0], encoding.class_maps.shape[0]
    if not attention.size or not cells or attention.shape[1] not in (cells, cells + findings):
        raise ExplainError("the bundle has no decoder, or its memory does not consist of the image's cells")
    rows, columns = _grid(encoding)
    looked: FloatArray = attention[sentence, :cells].reshape(rows, columns)
    for k, share in enumerate(attention[sentence, cells:]):
        looked = looked + share * _spread(encoding.class_maps[k], rows, columns)
    return looked


def _grid(encoding: Encoding) -> tuple[int, int]:
    """Rows and columns of the memory's cells, each of a whole number of cells of the class maps."""
    rows, columns = encoding.class_maps.shape[1:]
    step = math.isqrt(rows * columns // encoding.tokens.shape[0])
    if not step or (rows // step) * (columns // step) != encoding.tokens.shape[0]:
        raise ExplainError("the grid of the decoder's memory does not match that of the class maps")
    return rows // step, columns // step


def _spread(class_map: FloatArray, rows: int, columns: int) -> FloatArray:
    """What of a class map speaks for the finding, gathered to (rows, columns); sums to 1, or is 0 everywhere."""
    step = class_map.shape[0] // rows
    kept = np.maximum(class_map[: rows * step, : columns * step], 0)
    gathered = kept.reshape(rows, step, columns, step).sum(axis=(1, 3))
    total = float(gathered.sum())
    return np.asarray(gathered / total if total > 0 else gathered, dtype=np.float32)
