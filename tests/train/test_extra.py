"""Whether the tests of training run at all."""

from __future__ import annotations

from importlib.util import find_spec

from helpers import missing_peer


def test_the_training_extra_is_installed():
    """Without torch the tests of this folder and those of the figures are left out; this one says so."""
    if find_spec("torch") is None:
        missing_peer("the tests of training and of its figures need torch (make venv-train)")
    assert find_spec("onnxscript") is not None, "torch is there, the rest of the extra is not: make venv-train"
