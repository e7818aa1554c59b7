"""The doors out, one kind a file: DIMSE (C-STORE, C-ECHO, C-FIND, C-MOVE, C-GET), DICOMweb and alerts.

Does: talk to one peer, and say what became of every single instance.
Does not: know jobs or the store, retry, choose destinations.

To add a kind of alert channel: write `send/<kind>.py` with one function that sends an `AlertMessage`, a class of its
settings in `settings.py`, and one line in `send/alerts.py`; add it to `tests/send/test_alerts.py`.
"""
