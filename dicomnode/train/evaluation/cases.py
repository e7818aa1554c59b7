"""What is measured: the answers to images or to whole studies beside what is known of them, and groups among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dicomnode.records import FloatArray
from dicomnode.train.data import Film, Split
from dicomnode.train.evaluation.answers import Answers

# N images or studies, K findings

FEWEST = 5
"""Groups with fewer present or absent cases get no figures."""
FEWEST_TO_CLAIM = 10
"""Groups with fewer present or absent cases are shown, but carry no claim."""
_AGES = ((0, 18, "0-17"), (18, 40, "18-39"), (40, 65, "40-64"), (65, 999, "65 and over"))


class Labelled(Protocol):
    """Anything with a film for each row."""

    @property
    def films(self) -> tuple[Film, ...]:
        """One for each row; its source, view, sex and age make the groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Images, or studies, and how they were judged."""

    films: tuple[Film, ...]
    """Of a study: its first slice's, with the labels of the whole study."""
    probabilities: FloatArray
    """(N, K)."""

    @property
    def labels(self) -> FloatArray:
        """(N, K), NaN where unknown."""
        return np.array([film.labels for film in self.films], np.float32)

    @property
    def patients(self) -> NDArray[np.str_]:
        """(N,) patient of each case."""
        return np.array([film.patient_id for film in self.films])


def image_cases(split: Split, answers: Answers) -> Cases:
    """Every image by itself."""
    return Cases(films=split.films, probabilities=answers.probabilities)


def study_cases(split: Split, answers: Answers) -> Cases:
    """Every study: a finding is there where one image has it, absent where all images are known to lack it."""
    films = []
    for members in answers.studies:
        labels = split.labels[members]  # (slices, K)
        whole = np.where((labels == 1).any(0), 1.0, np.where(np.isnan(labels).any(0), np.nan, 0.0))
        films.append(replace(split.films[members[0]], labels=tuple(float(value) for value in whole)))
    return Cases(films=tuple(films), probabilities=answers.study_probabilities)


def groups(cases: Labelled, truth: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Sources, and views, age bands and sexes within a source, that hold enough present and absent cases.

    Parameters
    ----------
    truth
        (N,) of one finding; NaN where unknown.

    Returns
    -------
    dict[str, NDArray[np.bool_]]
        (N,) for each group, cases of unknown label left out.
    """
    films = cases.films
    known = ~np.isnan(truth)
    sources = np.array([film.source for film in films])
    found: dict[str, NDArray[np.bool_]] = {}
    for source in np.unique(sources):
        here = known & (sources == source)
        found[str(source)] = here
        for trait in (_view, _age_band, _sex):
            values = np.array([trait(film) for film in films])
            distinct = sorted(set(values[here]) - {""})
            if len(set(values[here])) > 1:
                found |= {f"{source}, {value}": here & (values == value) for value in distinct}
    return {name: among for name, among in found.items() if fewer_class(truth, among) >= FEWEST}


def fewer_class(truth: NDArray[np.float32], among: NDArray[np.bool_]) -> int:
    """How many cases the smaller of the two classes has."""
    return int(min((truth[among] == 1).sum(), (truth[among] == 0).sum()))


def _view(film: Film) -> str:
    return film.view


def _age_band(film: Film) -> str:
    return next((f"age {name}" for low, high, name in _AGES if low <= film.age < high), "")


def _sex(film: Film) -> str:
    return f"sex {film.sex}" if film.sex else ""


def somebody_else(films: Sequence[Film], seed: int) -> NDArray[np.intp]:
    """(N,) index of another patient's case of the same source; a patient who is alone in a source keeps their own."""
    other = np.arange(len(films))
    for source in sorted({film.source for film in films}):
        members = np.array([index for index, film in enumerate(films) if film.source == source])
        patients = [films[index].patient_id for index in members]
        ordered = sorted(set(patients))
        if len(ordered) < 2:
            continue
        shift = np.roll(np.random.default_rng(seed).permutation(len(ordered)), 1)
        partner = dict(zip(np.array(ordered)[np.roll(shift, -1)], np.array(ordered)[shift], strict=True))
        first = {patient: members[patients.index(patient)] for patient in ordered}
        other[members] = [first[partner[patient]] for patient in patients]
    return other
