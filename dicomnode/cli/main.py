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
    import click

    from dicomnode.cli.app import app
    from dicomnode.errors import NodeError, SettingsError

    try:
        status = app(args=None if argv is None else list(argv), standalone_mode=False)
    except SettingsError as error:
        return _say(error, WRONG_USE)
    except NodeError as error:
        return _say(error, FAILED)
    except click.ClickException as error:
        error.show()
        return WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        return FAILED
    return status if isinstance(status, int) else DONE


def _say(error: Exception, status: int) -> int:
    sys.stderr.write(f"error: {error}\n")
    return status
