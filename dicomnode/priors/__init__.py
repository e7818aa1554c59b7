"""Which earlier study of the patient a study is compared with.

Does: choose, fetch and read earlier studies and their reports, and compare.
Does not: admit instances (the way in is passed in), word the comparison.
"""
