"""How near drafts are to reference texts, in the words and in what they state.

BLEU, ROUGE-L and CIDEr are those of pycocoevalcap, which reports of this field have used throughout; its BLEU is
summed up here from its counts of each text, so that it has an interval as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocoevalcap.bleu.bleu_scorer import cook_refs, cook_test
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from dicomnode.measure.metrics import Figure, PatientBootstrap, Statistic, Values, mean, ratio
from dicomnode.records import FindingSpec, FloatArray
from dicomnode.report.cues import Cues
from dicomnode.report.grounding import claims
from dicomnode.train.evaluation.entities import agreement, entities
from dicomnode.train.language import reference
from dicomnode.train.recipe import Recipe

# V studies, K findings

_ORDERS = 4


def references(labels: FloatArray, recipe: Recipe) -> list[str]:
    """Reference texts (V): the grammar's sentences for what is known of each study."""
    return [reference(row, recipe) for row in labels.tolist()]


def report_figures(
    drafts: Sequence[Sequence[str]],
    labels: FloatArray,
    specs: Sequence[FindingSpec],
    cues: Cues,
    recipe: Recipe,
    intervals: PatientBootstrap,
) -> dict[str, Figure]:
    """Hold drafts against the reference texts of the known labels.

    Parameters
    ----------
    drafts
        (V) sentences of each study. Those that speak only of findings whose label is unknown do not count.
    labels
        (V, K), NaN where unknown; a study of which nothing is known is left out.

    Returns
    -------
    dict[str, Figure]
        `bleu_1` to `bleu_4`, `rouge_l`, `cider` (0 to 10), and those of `entity_figures`.
    """
    wanted = references(labels, recipe)
    known = np.array([bool(text) for text in wanted])
    texts = [plain(" ".join(_counted(draft, row, specs, cues))) for draft, row in zip(drafts, labels, strict=True)]
    words = word_statistics(texts, [plain(text) for text in wanted])
    return {
        **{name: intervals.figure(statistic, known) for name, statistic in words.items()},
        **entity_figures(drafts, wanted, labels, specs, cues, recipe, intervals),
    }


def entity_figures(
    drafts: Sequence[Sequence[str]],
    wanted: Sequence[str],
    labels: FloatArray,
    specs: Sequence[FindingSpec],
    cues: Cues,
    recipe: Recipe,
    intervals: PatientBootstrap,
) -> dict[str, Figure]:
    """Agreement of what drafts and reference texts state: finding, presence, side, zone and extent.

    Parameters
    ----------
    wanted
        (V) reference texts; a place or extent that one does not state is open.
    labels
        (V, K); sentences on findings of unknown label do not count.

    Returns
    -------
    dict[str, Figure]
        `entity_f1`, and `entity_f1_with_certainty`, for which possible differs from certain.
    """
    counted = [_counted(draft, row, specs, cues) for draft, row in zip(drafts, labels, strict=True)]
    drafted = [entities(sentences, specs, cues, recipe.language) for sentences in counted]
    right = [entities(_sentences(text), specs, cues, recipe.language) for text in wanted]
    known = np.array([bool(text) for text in wanted])
    figures = {}
    for name, is_certainty_counted in (("entity_f1", False), ("entity_f1_with_certainty", True)):
        pairs = zip(drafted, right, strict=True)
        counts = np.array(
            [agreement(one, other, is_certainty_counted=is_certainty_counted) for one, other in pairs], np.float64
        )
        figures[name] = intervals.figure(ratio(2 * counts[:, 0], counts[:, 1] + counts[:, 2]), known)
    return figures


def _counted(
    sentences: Sequence[str], labels: NDArray[np.float32], specs: Sequence[FindingSpec], cues: Cues
) -> list[str]:
    """Sentences without those that speak of unlabelled findings alone."""
    unknown = {spec.key for spec, label in zip(specs, labels, strict=True) if np.isnan(label)}
    kept = []
    for sentence in sentences:
        named = {claim.finding for claim in claims(sentence, specs, cues)}
        if not named or named - unknown:
            kept.append(sentence)
    return kept


def plain(text: str) -> str:
    """Lower-case words with single spaces, without punctuation, as the field's tokenizer leaves them."""
    return " ".join(re.findall(r"\w+", text.lower()))


def word_statistics(drafts: Sequence[str], wanted: Sequence[str]) -> dict[str, Statistic]:
    """BLEU-1 to 4, ROUGE-L and CIDEr of texts against one reference each."""
    given = {index: [text] for index, text in enumerate(drafts)}
    right = {index: [text] for index, text in enumerate(wanted)}
    cooked = [cook_test(draft, cook_refs([text])) for draft, text in zip(drafts, wanted, strict=True)]
    counts = {
        "correct": np.array([one["correct"] for one in cooked], np.float64),
        "guess": np.array([one["guess"] for one in cooked], np.float64),
        "lengths": np.array([(one["testlen"], one["reflen"][0]) for one in cooked], np.float64),
    }
    return {
        **{f"bleu_{order}": _bleu(counts, order) for order in range(1, _ORDERS + 1)},
        "rouge_l": mean(np.asarray(Rouge().compute_score(right, given)[1], np.float64)),
        "cider": mean(np.asarray(Cider().compute_score(right, given)[1], np.float64)),
    }


def _bleu(counts: dict[str, Values], order: int) -> Statistic:
    """BLEU of a corpus from the counts of its texts."""

    def statistic(chosen: NDArray[np.intp], weights: Values) -> Values:
        correct, guess, lengths = (weights @ counts[name][chosen] for name in ("correct", "guess", "lengths"))
        # As the library: a tiny count in place of none keeps the logarithm finite.
        precisions = (correct[:, :order] + 1e-15) / (guess[:, :order] + 1e-9)
        shortness = np.minimum(0, 1 - lengths[:, 1] / np.maximum(lengths[:, 0], 1e-9))
        return np.asarray(np.exp(np.log(precisions).mean(1) + shortness))

    return statistic


def _sentences(text: str) -> list[str]:
    return [part.strip() + "." for part in text.split(".") if part.strip()]
