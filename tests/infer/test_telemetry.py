"""Nothing leaves the machine behind our back: ONNX Runtime's telemetry is off."""

from __future__ import annotations

import os
import subprocess
import sys

from helpers import ROOT

RUN_A_GRAPH = f"""
import dicomnode.infer.sessions as sessions
session = sessions.ort.InferenceSession({str(ROOT / "dicomnode/bundles/cxr/encoder.onnx")!r})
"""


def test_onnx_runtime_sends_no_telemetry(tmp_path):
    """A process that runs a graph makes no telemetry store in its home, as ONNX Runtime does when left to itself."""
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    subprocess.run([sys.executable, "-c", RUN_A_GRAPH], env=environment, check=True, timeout=120)

    assert [] == [path for path in tmp_path.rglob("*") if "Microsoft" in path.parts]


def test_processes_of_ours_inherit_that_it_is_off():
    """Whoever imports the package starts children that find the switch in their environment."""
    code = "import dicomnode, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"

    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)

    assert "1" == done.stdout.strip()
