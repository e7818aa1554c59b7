"""A DICOM-native AI node: studies in over C-STORE, draft reports and heat maps back to the PACS."""

import os

__version__ = "0.1.0"

# ONNX Runtime (1.32, for example) sends usage data to its maker unless it is told not to. It reads the switch once, at
# its import. Set here, before any other module of ours, the switch also reaches every process that the service starts.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
