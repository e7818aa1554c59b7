"""The figures are held against libraries that only the training extra installs."""

from importlib.util import find_spec

if find_spec("torch") is None:
    collect_ignore = ["test_metrics.py"]  # train/test_extra.py says that it is left out, and how to get it
