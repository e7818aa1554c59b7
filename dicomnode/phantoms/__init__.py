"""Synthetic images whose truth is known.

Does: draw seeded chest films and head CT volumes, with the exact place of what is abnormal in them,
and write them as the DICOM studies of `sample_dicom/`.
Does not: stand for real anatomy or real disease, train or judge a model, read anything from disk.

To add a sample: write one function in `samples.py` that returns its data sets, add one line to `SAMPLES` there, one
to `STORIES` in `stories.py`, and one row to `sample_dicom/README.md`. Nothing else changes.
"""
