"""Two versions of one model, held against each other."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.train.compress.parity import Said, agreement, pointing


@pytest.fixture
def an_answer() -> Said:
    """What a version says of two images."""
    maps = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    return Said(logits=maps.sum((2, 3)), class_maps=maps, drafts=((4, 5, 6), (4, 7)))


def test_a_version_agrees_with_itself(an_answer: Said):
    """No difference of logits, maps and words."""
    assert {"mean_logit_difference": 0.0, "map_correlation": 1.0, "same_drafts": 1.0} == agreement(an_answer, an_answer)


def test_every_difference_shows(an_answer: Said):
    """Logits half a unit off, maps upside down, one draft of two with another word."""
    other = Said(logits=an_answer.logits + 0.5, class_maps=-an_answer.class_maps, drafts=((4, 5, 6), (4, 8)))
    assert {"mean_logit_difference": 0.5, "map_correlation": -1.0, "same_drafts": 0.5} == agreement(an_answer, other)


def test_where_nothing_is_written_no_words_are_compared(an_answer: Said):
    """A version without drafts has no share of same drafts."""
    silent = Said(logits=an_answer.logits, class_maps=an_answer.class_maps)
    assert "same_drafts" not in agreement(an_answer, silent)


def test_the_pointing_game_counts_marked_places_alone():
    """Of two masks that are not empty, one holds its map's strongest place; empty masks do not count."""
    maps = np.zeros((2, 2, 4, 4), np.float32)
    maps[:, 0, 1, 1] = 1
    masks = np.zeros((2, 2, 32, 32), np.bool_)
    masks[0, 0, 8:16, 8:16] = True
    masks[1, 0, 24:, 24:] = True
    assert 0.5 == pointing(maps, masks)


def test_a_pointing_game_without_masks_is_refused():
    """There is no share of nothing."""
    with pytest.raises(ValueError, match="non-empty mask"):
        pointing(np.zeros((1, 1, 4, 4), np.float32), np.zeros((1, 1, 8, 8), np.bool_))
