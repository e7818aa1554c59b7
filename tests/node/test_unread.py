"""What a study that was not read is answered with."""

from __future__ import annotations

from dicomnode.errors import NotJudgedError, PermanentError
from dicomnode.node.unread import reasons_of
from dicomnode.records import ReasonCode, ReviewReason, reason


def test_a_refusal_that_went_through_the_index_gets_its_code_back():
    """The planner keeps the sentence with the job; its report is written in the house's language all the same."""
    refused = reason(ReasonCode.PATIENTS_DIFFER, patients=2, elements="Patient ID (0010,0020)")

    (found,) = reasons_of(PermanentError(str(refused)))

    assert refused == found


def test_what_has_no_code_stays_a_sentence():
    """Coded reasons and sentences of one error stand beside each other, in their order; the log has both."""
    error = NotJudgedError(reason(ReasonCode.BLANK), "the disk is on fire", review=ReviewReason.QUALITY)

    assert (reason(ReasonCode.BLANK), "the disk is on fire") == reasons_of(error)
    assert f"{reason(ReasonCode.BLANK)}; the disk is on fire" == str(error)
