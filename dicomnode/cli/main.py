"""The command `dicomnode`.

Light on purpose: every process of the service imports the module that its parent was started from, and the
receiver needs none of what the commands need.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

DONE, FAILED, WRONG_USE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 done, 1 the node could not do it, 2 the command line or the settings were wrong."""
    from dicomnode.cli.app import app
    from dicomnode.errors import NodeError, SettingsError

    try:
        app(args=None if argv is None else list(argv))
    except SettingsError as error:
        return _say(error, WRONG_USE)
    except NodeError as error:
        return _say(error, FAILED)
    except SystemExit as ended:  # how typer ends a command, with its status
        return ended.code if isinstance(ended.code, int) else FAILED
    return DONE


def _say(error: Exception, status: int) -> int:
    for line in str(error).splitlines() or [""]:
        sys.stderr.write(f"error: {line}\n")
    return status
