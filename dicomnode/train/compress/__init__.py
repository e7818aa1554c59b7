"""From trained modules to small graphs.

Does: cut away hidden units, export to ONNX, round weights and activations, compare each step with the one before.
Does not: train.
"""
