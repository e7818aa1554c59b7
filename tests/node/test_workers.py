"""How many workers the service starts."""

from __future__ import annotations

import os

import pytest

from dicomnode.settings import InferSettings


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 4),
        ({"threads": 2}, 2),
        ({"threads": 8}, 1),
        ({"workers": 3}, 3),
        ({"provider": "cuda"}, 1),
        ({"provider": "cuda", "workers": 2}, 2),
    ],
)
def test_workers_share_the_cores(monkeypatch, settings, expected):
    """Left to itself, the node uses every core that it may with one thread each, and a GPU with one worker."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 4, 5})

    assert expected == InferSettings(**settings).worker_count
