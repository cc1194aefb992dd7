"""Tensors and files, read by name."""
