"""Measures a bundle on labelled images.

Does: read every study as serving does, count, draw intervals, write reports and model cards.
Does not: choose or fit anything.
"""
