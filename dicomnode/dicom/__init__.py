"""Stateless DICOM words: contexts, codes, UIDs, header reading and repair, pixels to arrays.

Does: translate between DICOM and plain Python values.
Does not: open files of the store, talk to peers, know about jobs or models.
"""
