"""Writes a layer: arrays in shards, words, tensors and files, and the metadata."""
