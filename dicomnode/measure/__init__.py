"""Figures on NumPy alone: metrics with intervals, calibration, tables, plots.

Does: turn judgements and truths into figures, and figures into tables and pictures.
Does not: run models, read files, know a bundle.
"""
