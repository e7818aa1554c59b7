"""The doors out, one kind a file: C-STORE, C-ECHO, C-FIND, C-MOVE, C-GET, QIDO-RS with WADO-RS.

Does: talk to one peer, and say what became of every single instance.
Does not: know jobs or the store, retry, choose destinations.
"""
