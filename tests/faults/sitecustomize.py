"""Python runs this at the start of every process of a service under test: it plants a fault and watches connections.

CONNECT_LOG names a file that gets a line for every address that a process connects to.
FAULT names a function as `module:qualified.name`. The first process that calls it leaves a mark and stops
dead inside it, where the test kills the service; once the mark is there, the function works as ever.
FAULT_KIND changes that: with `always` every call stops dead, with `raise` the first three of a process raise an
AttributeError whose text is the patient's.
"""

import importlib
import os
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path

MODULE, _, NAME = os.environ.get("FAULT", "").partition(":")
MARK = Path(os.environ.get("FAULT_MARK", "/nonexistent"))
KIND = os.environ.get("FAULT_KIND", "once")


class _Planter(MetaPathFinder):
    """Plants the fault right after its module has been imported."""

    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            _plant(module)

        spec.loader.exec_module = exec_module
        return spec


def _plant(module):
    owner = module
    *path, last = NAME.split(".")
    for part in path:
        owner = getattr(owner, part)
    original = getattr(owner, last)

    calls = []

    def faulty(*args, **kwargs):
        calls.append(1)
        if KIND == "raise" and len(calls) <= 3:
            MARK.touch()
            raise AttributeError("Zyxwv^Quentin")
        if KIND == "raise" or (KIND == "once" and MARK.exists()):
            return original(*args, **kwargs)
        MARK.touch()
        time.sleep(3600)
        return None

    setattr(owner, last, faulty)


if MODULE:
    import importlib.util

    sys.meta_path.insert(0, _Planter())

CONNECT_LOG = os.environ.get("CONNECT_LOG")


def _note(event, arguments):
    if event == "socket.connect":
        with open(CONNECT_LOG, "a", encoding="utf-8") as file:  # noqa: PTH123  # early, before pathlib matters
            file.write(f"{arguments[1]}\n")


if CONNECT_LOG:
    sys.addaudithook(_note)
