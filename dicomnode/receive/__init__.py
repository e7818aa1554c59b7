"""DICOM receiver: Storage and Verification SCP.

Does: negotiate, hold an instance against its command, keep it, answer.
Does not: decode pixels, decide when a study is complete, open associations of its own.
"""
