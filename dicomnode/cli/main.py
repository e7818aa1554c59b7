"""The command `dicomnode`.

Light on purpose: every process of the service imports the module that its parent was started from, and the
receiver needs none of what the commands need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

DONE, FAILED, WRONG_USE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 done, 1 the node could not do it, 2 the command line or the settings were wrong."""
    from dicomnode.cli.app import app_for
    from dicomnode.errors import NodeError, SettingsError

    words = sys.argv[1:] if argv is None else list(argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a name shows its codes
            stream.reconfigure(errors="backslashreplace")
    try:
        app_for(words)(args=words, prog_name="dicomnode")
    except SettingsError as error:
        return _say(str(error), WRONG_USE)
    except NodeError as error:
        return _say(str(error), FAILED)
    except BrokenPipeError:  # who read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        from dicomnode.store.denied import sentence

        return _say(sentence(error), FAILED)
    except SystemExit as ended:  # how typer ends a command, with its status
        return ended.code if isinstance(ended.code, int) else FAILED
    return DONE


def _say(error: str, status: int) -> int:
    from dicomnode.cli.plain import harmless

    for line in error.splitlines() or [""]:
        sys.stderr.write(f"error: {harmless(line)}\n")
    return status
