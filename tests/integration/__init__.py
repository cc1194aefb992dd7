"""Checkpoints on real servers, read by other implementations and through other libraries."""
