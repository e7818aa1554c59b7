"""Exit 0 if the node in this container answers a C-ECHO, 1 if not.

It calls with the node's own AE title, which `receive.allowed_calling_ae_titles` must therefore hold.
"""

import os
import sys
from pathlib import Path

from dicomnode.errors import NodeError
from dicomnode.send.echo import echo
from dicomnode.settings import Destination, load

settings = load(Path(os.environ["DICOMNODE_SETTINGS"]))
node = Destination(ae_title=settings.receive.ae_title, host="localhost", port=settings.receive.port)
try:
    echo(node, settings.send)
except NodeError as error:
    sys.exit(str(error))
