"""Composition root: builds the rooms from settings, runs one job through them, supervises processes.

Does: know the order of the rooms; turn an error's class into refuse, retry or stop.
Does not: contain what a room is for.
"""
