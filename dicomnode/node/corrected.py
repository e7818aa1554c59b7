"""Withdraws the answers of jobs that read what counts no more, since another content or patient took its place."""

from __future__ import annotations

from dicomnode.records import WithdrawalReason
from dicomnode.settings import Settings
from dicomnode.store.results import ResultStore
from dicomnode.store.withdrawals import Withdrawals


def withdraw_corrected(settings: Settings, results: ResultStore) -> int:
    """Withdraw them and return how many there were; a crash between two leaves the rest for the next call.

    Raises
    ------
    TransientError
        If a rejection note cannot be written now.
    """
    overdue = Withdrawals(results).overdue()
    if overdue:
        from dicomnode.node.withdrawing import withdraw  # loads what composes, which the scheduler seldom needs

        for job_id in overdue:
            withdraw(settings, results, job_id, WithdrawalReason.CORRECTED)
    return len(overdue)
